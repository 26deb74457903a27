// What the rungs of the storage ladder have in common.
import type { Kind, Opened } from './platform.ts';

/** A kind of storage, ready for one database. Its calls are made one at a time. */
export interface Rung {
  readonly kind: Kind;
  /**
   * Opens the files of the database in the order of their names: all or none. With `around` what
   * somebody else has open is opened for reading only, as it is now.
   */
  list(around?: boolean): Promise<Opened[]>;
  /** Makes and opens an empty file in it. */
  make(name: string): Promise<Opened>;
  /** Removes a closed file of it, if it is there. */
  remove(name: string): Promise<void>;
  /** Makes durable what was written to all files of it before the call. */
  flush(): Promise<void>;
  /** Lets go of the database. It never fails; what was not flushed may be kept or not. */
  close(): Promise<void>;
}

/** Where a database lives. Written down in every rung that keeps anything. */
export interface Home {
  readonly rung: Kind;
  /** How often the database has moved: of two records the one with more counts. */
  readonly moves: number;
}

/** Names of errors that mean: this page has no such storage, and will not have it later either. */
export const REFUSALS = ['SecurityError', 'NotSupportedError'];

/** A database that is held by something, or may be there soon. */
export function busy(): DOMException {
  return new DOMException('', 'NoModificationAllowedError');
}

export const nameOf = (thrown: unknown) => (thrown instanceof Error ? thrown.name : '');

export const byName = (one: { readonly name: string }, other: { readonly name: string }) =>
  one.name < other.name ? -1 : 1;
