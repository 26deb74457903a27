// What stands where the table would: films on their way, none that match, or none at all.
import type { SyncStatus } from 'holm';
import { Icon, Logo } from '../icons.tsx';
import type { Seeding } from '../use-seed.ts';
import { isFiltered, type View } from '../view.ts';

interface EmptyTableProps {
  readonly seeding: Seeding;
  readonly sync: SyncStatus;
  readonly view: View;
  readonly isLoading: boolean;
  readonly onClear: () => void;
  readonly onAdd: () => void;
}

/** See the head of the file. */
export function EmptyTable({ seeding, sync, view, isLoading, onClear, onAdd }: EmptyTableProps) {
  const isDue = isLoading || !['done', 'failed'].includes(seeding.step);
  if (isDue) return <Skeleton words={wordsFor(seeding, sync)} />;
  if (isFiltered(view)) {
    return (
      <section className="card">
        <Logo />
        <h2>No film matches</h2>
        <p>No film has all of what the filters ask for.</p>
        <button type="button" className="primary" onClick={onClear}>
          Clear filters
        </button>
      </section>
    );
  }
  return (
    <section className="card">
      <Logo />
      <h2>No films</h2>
      <p>There is nothing here yet. Films that you add appear on all your devices.</p>
      <button type="button" className="primary" onClick={onAdd}>
        <Icon name="add" />
        Add film
      </button>
    </section>
  );
}

function wordsFor({ step }: Seeding, { state }: SyncStatus): string {
  if (step === 'fetching') return 'Loading the films';
  if (step === 'seeding') return 'Saving the films on this device';
  if (step === 'waiting' && state === 'pulling') return 'Receiving films from the server';
  if (step === 'waiting' && state === 'connecting') return 'Asking the server for films';
  return 'Reading the films';
}

/** Rows to come, and what they wait for. */
export function Skeleton({ words }: { readonly words: string }) {
  return (
    <div className="skeleton">
      <p className="waiting" role="status">
        <span className="spinner" aria-hidden="true" />
        {words}
      </p>
      <div className="bones" aria-hidden="true" />
    </div>
  );
}
