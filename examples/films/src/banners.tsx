// Strips above the table: seeding on its way, and whatever somebody should know or can do.
import type { HolmError, Status } from 'holm';
import type { ReactNode } from 'react';
import type { Fault } from './faults.ts';
import { Icon } from './icons.tsx';
import type { FilmsDatabase } from './schema.ts';
import { countOfWrites, refusedWrites, useSteadySync } from './status-words.ts';
import type { Seeding } from './use-seed.ts';

interface BannersProps {
  readonly db: FilmsDatabase;
  readonly status: Status;
  readonly seeding: Seeding;
  readonly fault: Fault | null;
  readonly queryError: HolmError | null;
  readonly onRetrySeeding: () => void;
  readonly onOpenOutbox: () => void;
  readonly onDismiss: () => void;
}

/** See the head of the file. */
export function Banners(props: BannersProps) {
  const { db, status, seeding, fault, queryError, onRetrySeeding, onOpenOutbox, onDismiss } = props;
  const { storage, outbox } = status;
  const refused = refusedWrites(outbox);
  return (
    <div className="banners">
      {seeding.step === 'seeding' && <Progress {...seeding} />}
      {seeding.step === 'failed' && (
        <Banner tone="danger" error={seeding.error} words="The films could not be loaded.">
          <button type="button" onClick={onRetrySeeding}>
            Try again
          </button>
        </Banner>
      )}
      {storage.state !== 'ok' && (
        <Banner tone="danger" words="The storage of this device has a problem.">
          {storage.message}
        </Banner>
      )}
      {storage.state === 'ok' && !storage.durable && (
        <Banner tone="warn" words="This browser keeps the films in memory only.">
          Changes that were not sent are gone when this tab is closed.
        </Banner>
      )}
      {queryError && <Banner tone="danger" error={queryError} words="The films cannot be shown." />}
      {fault && (
        <Banner tone="danger" error={fault.error} words={`${fault.what}.`}>
          <button type="button" onClick={onDismiss}>
            Dismiss
          </button>
        </Banner>
      )}
      {refused > 0 && (
        <Banner tone="danger" words={`The server refused ${countOfWrites(refused)}.`}>
          <button type="button" onClick={onOpenOutbox}>
            Review
          </button>
        </Banner>
      )}
      <SyncBanner {...{ db, status }} />
    </div>
  );
}

function SyncBanner({ db, status }: Pick<BannersProps, 'db' | 'status'>) {
  const { state } = useSteadySync(status.sync);
  if (state !== 'offline' && state !== 'backoff') return null;
  // That it failed is what this strip says already.
  const tryNow = () => db.sync().catch(() => {});
  return (
    <Banner
      tone="warn"
      words={state === 'offline' ? 'You are offline.' : 'The server cannot be reached.'}
    >
      <span className="more">Changes are saved on this device and sent later.</span>
      <button type="button" onClick={tryNow}>
        Try now
      </button>
    </Banner>
  );
}

interface BannerProps {
  readonly tone: 'warn' | 'danger';
  readonly words: string;
  readonly error?: HolmError;
  readonly children?: ReactNode;
}

function Banner({ tone, words, error, children }: BannerProps) {
  return (
    <div className="banner" data-tone={tone} role={tone === 'danger' ? 'alert' : 'status'}>
      <Icon name="alert" />
      <p>
        <strong>{words}</strong>
        {error && (
          <span className="more">
            {error.message} <code>{error.code}</code>
          </span>
        )}
      </p>
      {children}
    </div>
  );
}

function Progress({ saved, total }: { readonly saved: number; readonly total: number }) {
  const share = Math.round((100 * saved) / total);
  return (
    <div className="banner progress">
      <label htmlFor="seeding">
        Saving films on this device: {saved.toLocaleString('en-US')} of{' '}
        {total.toLocaleString('en-US')}
      </label>
      <progress id="seeding" value={saved} max={total}>
        {share} %
      </progress>
    </div>
  );
}
