// The films of an open database: filters, table, state, and the dialogs over them.
import { useDatabaseStatus, useLiveQuery } from 'holm/react';
import { useCallback, useMemo, useState } from 'react';
import { Banners } from './banners.tsx';
import { type Facets, facetsOf } from './facets.ts';
import { type Fault, faultOf, type Report, ReportContext } from './faults.ts';
import { Filters } from './filters.tsx';
import { Icon, Logo } from './icons.tsx';
import { type Mark, marksOf } from './marks.ts';
import { AddFilm } from './panels/add-film.tsx';
import { DeleteFilm } from './panels/delete-film.tsx';
import { OutboxPanel } from './panels/outbox-panel.tsx';
import type { Film, FilmsDatabase } from './schema.ts';
import { settings } from './settings.ts';
import { StatusBar } from './status-bar.tsx';
import { EmptyTable } from './table/empty-table.tsx';
import { FilmTable } from './table/film-table.tsx';
import { useLayout } from './table/layout.ts';
import { useSeed } from './use-seed.ts';
import { FIRST_VIEW, unfiltered, type View, viewToQuery } from './view.ts';

type Panel =
  | { readonly kind: 'add' }
  | { readonly kind: 'delete'; readonly film: Film }
  | { readonly kind: 'outbox' };

const NONE: readonly never[] = [];

/** See the head of the file. */
export function FilmsPage({ db }: { readonly db: FilmsDatabase }) {
  const [view, setView] = useState(FIRST_VIEW);
  const [panel, setPanel] = useState<Panel | null>(null);
  const [fault, setFault] = useState<Fault | null>(null);
  const [newId, setNewId] = useState<string | null>(null);
  const [seeding, retrySeeding] = useSeed(db);
  const status = useDatabaseStatus(db);
  const { facets, marks, found } = useFilms(db, view);
  const layout = useLayout();
  const report = useCallback<Report>((what, thrown) => setFault(faultOf(what, thrown)), []);
  const closePanel = useCallback(() => setPanel(null), []);
  const askToDelete = useCallback((film: Film) => setPanel({ kind: 'delete', film }), []);
  const openOutbox = useCallback(() => setPanel({ kind: 'outbox' }), []);
  const films = found.data ?? NONE;
  return (
    <ReportContext value={report}>
      <div className="page">
        <header className="top">
          <Logo />
          <h1>Films</h1>
          <button type="button" className="primary" onClick={() => setPanel({ kind: 'add' })}>
            <Icon name="add" />
            Add film
          </button>
        </header>
        <Filters
          {...{ view, facets, layout }}
          found={films.length}
          isCounted={films.length > 0 || seeding.step === 'done'}
          onView={setView}
        />
        <Banners
          {...{ db, status, seeding, fault }}
          queryError={found.error ?? null}
          onRetrySeeding={retrySeeding}
          onOpenOutbox={openOutbox}
          onDismiss={() => setFault(null)}
        />
        <main className="content">
          {films.length > 0 ? (
            <FilmTable
              {...{ db, films, marks, view, layout, newId }}
              onView={setView}
              onDelete={askToDelete}
            />
          ) : (
            <EmptyTable
              {...{ seeding, view }}
              sync={status.sync}
              isLoading={found.status === 'loading'}
              onClear={() => setView(unfiltered(view))}
              onAdd={() => setPanel({ kind: 'add' })}
            />
          )}
        </main>
        <StatusBar status={status} onOpenOutbox={openOutbox} />
        <Choices facets={facets} />
        {panel?.kind === 'add' && (
          <AddFilm {...{ db, view }} onAdded={setNewId} onClose={closePanel} />
        )}
        {panel?.kind === 'delete' && <DeleteFilm db={db} film={panel.film} onClose={closePanel} />}
        {panel?.kind === 'outbox' && <OutboxPanel db={db} onClose={closePanel} />}
      </div>
    </ReportContext>
  );
}

/** The three live queries of the page, and what is made of them. */
function useFilms(db: FilmsDatabase, view: View) {
  const all = useLiveQuery(() => db.query.films, [db]);
  const found = useLiveQuery(() => viewToQuery(db, view), [db, view]);
  const entries = useLiveQuery(() => db.outbox, [db]);
  const facets = useMemo(() => facetsOf(all.data ?? NONE), [all.data]);
  const marks = useMemo<ReadonlyMap<string, Mark>>(
    // Without a server nothing is ever sent, and a mark on every film would say nothing.
    () => marksOf(settings.syncs ? (entries.data ?? NONE) : NONE),
    [entries.data],
  );
  return { facets, found, marks };
}

/** What the inputs of the page offer. */
function Choices({ facets }: { readonly facets: Facets }) {
  const { genres, directors, mpaaRatings } = facets;
  return (
    <>
      {Object.entries({ genres, directors, mpaaRatings }).map(([id, choices]) => (
        <datalist key={id} id={id}>
          {choices.map((choice) => (
            <option key={choice} value={choice} />
          ))}
        </datalist>
      ))}
    </>
  );
}
