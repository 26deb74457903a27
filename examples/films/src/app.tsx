// The page: opens the database, and shows the films or why there are none.
import { FilmsPage } from './films-page.tsx';
import { Icon, Logo } from './icons.tsx';
import { Skeleton } from './table/empty-table.tsx';
import { type Opening, useOpening } from './use-opening.ts';

/** See the head of the file. */
export function App() {
  const [opening, retry] = useOpening();
  if (opening.step === 'open') return <FilmsPage db={opening.db} />;
  return (
    <div className="page">
      <header className="top">
        <Logo />
        <h1>Films</h1>
      </header>
      <main className="content">
        {opening.step === 'opening' ? (
          <Skeleton words="Opening the database" />
        ) : (
          <OpeningFailed error={opening.error} onRetry={retry} />
        )}
      </main>
    </div>
  );
}

type Failure = Extract<Opening, { readonly step: 'failed' }>['error'];

const TITLES: Readonly<Record<string, string>> = {
  database_in_use: 'The films are open in another tab',
  storage_busy: 'The storage is busy',
  storage_damaged: 'The stored films are damaged',
};

const ADVICE: Readonly<Record<string, string>> = {
  database_in_use: 'One tab at a time can have them. Go on in the other one, or close it first.',
  storage_busy: 'Something else holds the files of this database. That usually ends by itself.',
  storage_damaged: 'What can still be read is not lost. See below what was found.',
};

function OpeningFailed(props: { readonly error: Failure; readonly onRetry: () => void }) {
  const { error, onRetry } = props;
  return (
    <section className="card problem" role="alert">
      <span className="badge">
        <Icon name="alert" />
      </span>
      <h2>{TITLES[error.code] ?? 'The films cannot be opened'}</h2>
      <p>{ADVICE[error.code] ?? 'Trying again may help. See below what was found.'}</p>
      <button type="button" className="primary" onClick={onRetry}>
        Try again
      </button>
      <p className="fine">
        <code>{error.code}</code> {error.message}
      </p>
    </section>
  );
}
