// Brings the films a device starts with. They are seeded when the collection is empty after the
// first pull, or when there is no server to ask; the seed of two devices is the same and never
// beats an edit. The mark in `seeds` lets a seeding that was broken off go on, and keeps a
// collection that somebody emptied empty.

import moviesUrl from 'movies.json?url';
import type { SyncStatus } from 'holm';
import { filmsFrom, type RawFilm } from './clean.ts';
import type { FilmSeed, FilmsDatabase } from './schema.ts';

/** How far it has come. */
export type SeedStep =
  | { readonly step: 'waiting' }
  | { readonly step: 'fetching' }
  | { readonly step: 'seeding'; readonly saved: number; readonly total: number }
  | { readonly step: 'done' };

const MARK = 'films';

/** States in which no first pull is on its way. */
const WITHOUT_SERVER: readonly SyncStatus['state'][] = [
  'off',
  'offline',
  'backoff',
  'needs_auth',
  'refused',
  'stalled',
];
/** How long such a state must last: sync begins as offline until it knows of the network. */
const STEADY_MS = 400;

/** See the head of the file. Rejects when the films cannot be loaded or saved. */
export async function seedIfEmpty(
  db: FilmsDatabase,
  onStep: (step: SeedStep) => void,
  signal: AbortSignal,
): Promise<void> {
  const [mark] = await db.query.seeds.where('id', '=', MARK).get();
  if (mark?.state !== 'done') {
    if (!mark) await firstPullOrNone(db, signal);
    signal.throwIfAborted();
    const some = await db.query.films.limit(1).get();
    if (mark || some.length === 0) await seed(db, onStep, signal);
    await db.mutate.seeds.upsert({ id: MARK, state: 'done' }).saved;
  }
  onStep({ step: 'done' });
}

async function seed(
  db: FilmsDatabase,
  onStep: (step: SeedStep) => void,
  signal: AbortSignal,
): Promise<void> {
  onStep({ step: 'fetching' });
  const films = await loadFilms(signal);
  const total = films.length;
  onStep({ step: 'seeding', saved: 0, total });
  await db.mutate.seeds.upsert({ id: MARK, state: 'begun' }).saved;
  await db.seed('films', films, {
    onProgress: ({ saved }) => onStep({ step: 'seeding', saved, total }),
  });
}

async function loadFilms(signal: AbortSignal): Promise<FilmSeed[]> {
  const response = await fetch(moviesUrl, { signal });
  if (!response.ok) throw new Error(`The films could not be loaded: HTTP ${response.status}.`);
  return filmsFrom((await response.json()) as RawFilm[]);
}

/** Resolves when a first pull has completed, or when none is on its way. */
function firstPullOrNone(db: FilmsDatabase, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = () => {
      clearTimeout(timer);
      stop();
      resolve();
    };
    const look = () => {
      const { pulled, state } = db.status.sync;
      if (pulled || state === 'off') return end();
      if (!WITHOUT_SERVER.includes(state)) {
        clearTimeout(timer);
        timer = undefined;
      } else timer ??= setTimeout(end, STEADY_MS);
    };
    const stop = db.status.subscribe(look);
    signal.addEventListener('abort', end, { once: true });
    look();
  });
}
