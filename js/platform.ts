// What the engine's host asks of JavaScript: whatever gives promises.

export interface Platform {
  readonly storage: Storage;
  /**
   * Queues for the lock of a database. `told` hears true when it is granted, and false when it is
   * lost, never within the call. Returns what gives it up, or leaves the queue: after that `told`
   * is not called.
   */
  requestLock(database: string, told: (isHeld: boolean) => void): () => void;
}

/** What is asked is done in order. `told` is called once: with files, or with what was thrown. */
export interface Storage {
  /** Where the database is that was listed last. */
  readonly kind: Kind;
  /**
   * Opens the files of a database in the order of their names: all or none. With `around` what
   * somebody else has open is opened for reading only, as it is now.
   */
  list(database: string, around: boolean, told: Told): void;
  /** Makes and opens an empty file in the database that was listed last. */
  make(name: string, told: Told): void;
  /** Removes a closed file of it, if it is there. */
  remove(name: string): void;
  /** Makes durable what was written, for a kind whose handles cannot do so at once. */
  flush(told: Told): void;
}

/** The rungs of the storage ladder, highest first; and files, outside browsers. */
export type Kind = 'opfs' | 'indexeddb' | 'memory' | 'files';

export type Told = (opened: Opened[] | undefined, thrown?: unknown) => void;

export interface Opened {
  readonly name: string;
  readonly handle: SyncAccessHandle;
}

/** TypeScript knows it in its library for workers only. */
export interface SyncAccessHandle {
  close(): void;
  flush(): void;
  getSize(): number;
  read(into: Uint8Array, options: { readonly at: number }): number;
  truncate(length: number): void;
  write(from: Uint8Array, options: { readonly at: number }): number;
}
