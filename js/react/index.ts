// React's view of a database: hooks over the one observer, and nothing of their own.
import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import type { Status } from '../message.ts';
import { LOADING, type Snapshot } from '../observer.ts';
import type { Query } from '../query.ts';
import type { DatabaseStatus } from '../status.ts';

/** What `useLiveQuery` gives. While a changed query loads, `data` is the former one's result. */
export type LiveQuery<R> =
  | Exclude<Snapshot<R>, { readonly status: 'loading' }>
  | {
      readonly status: 'loading';
      readonly data: readonly R[] | undefined;
      readonly error: undefined;
    };

/**
 * The rows of a query, always as they are now. Rows that did not change are the same objects, so
 * a memoised row component renders only when its row changes. Components with equal queries share
 * one live query. On a server the status is `loading`.
 *
 * Pass the query, or a function that makes it; with `deps` the function is called again only when
 * one of them changes. They are an economy: without them it is called at each rendering, and the
 * live query stays for as long as the query is equal.
 *
 * @example
 * function Films({ genre }: { genre: string }) {
 *   const { data, status, error } = useLiveQuery(() => db.query.films.where('genre', '=', genre));
 *   if (status === 'error') return <p>{error.message}</p>;
 *   if (!data) return <p>Loading</p>;
 *   return <ul>{data.map((film) => <Film key={film.id} film={film} />)}</ul>;
 * }
 */
export function useLiveQuery<R, W>(
  query: Query<R, W> | (() => Query<R, W>),
  deps?: readonly unknown[],
): LiveQuery<R> {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the list is the caller's
  const made = useMemo(() => (typeof query === 'function' ? query() : query), deps ?? [query, {}]);
  // The same observer for as long as the query is equal, so React does not subscribe anew.
  const observer = made.observe();
  const snapshot = useSyncExternalStore(observer.subscribe, observer.getSnapshot, getLoading);
  const former = useRef<readonly R[] | undefined>(undefined);
  useEffect(() => {
    former.current = snapshot.data ?? former.current;
  });
  if (snapshot.status !== 'loading' || !former.current) return snapshot;
  return { ...snapshot, data: former.current };
}

/**
 * The state of a database's storage, synchronisation and outbox.
 *
 * @example
 * const { sync } = useDatabaseStatus(db);
 */
export function useDatabaseStatus(db: { readonly status: DatabaseStatus }): Status {
  const { status } = db;
  return useSyncExternalStore(
    status.subscribe,
    () => status.current,
    () => status.current,
  );
}

const getLoading = () => LOADING;
