// How a database is, as a value that can be read at any time and watched.
import { callOut, type HolmError } from './error.ts';
import type { OutboxStatus, Status, StorageStatus, SyncStatus, WireStatus } from './message.ts';
import { askRoom, type Room, UNKNOWN } from './room.ts';

/**
 * The state of storage, synchronisation and outbox.
 *
 * @example
 * if (!db.status.storage.durable) warn('Your data is gone when this tab closes');
 * const stop = db.status.subscribe(({ sync }) => showBadge(sync.state));
 */
export interface DatabaseStatus extends Status {
  /** All of it; the same object until something changes. */
  readonly current: Status;
  /** Calls back after each change, until the function it gives is called. */
  readonly subscribe: (listener: (status: Status) => void) => () => void;
}

/** The status behind `db.status`, moved by the engine's notices. */
export class LiveStatus implements DatabaseStatus {
  /** Set by the answer to `open`, before anybody has the database. */
  #now: Status | undefined;
  #tokenFault: string | null = null;
  #room: Room = UNKNOWN;
  readonly #listeners = new Set<{ readonly call: (status: Status) => void }>();

  get current(): Status {
    return this.#now as Status;
  }

  get storage(): StorageStatus {
    return this.current.storage;
  }

  get sync(): SyncStatus {
    return this.current.sync;
  }

  get outbox(): OutboxStatus {
    return this.current.outbox;
  }

  readonly subscribe = (call: (status: Status) => void): (() => void) => {
    const listener = { call };
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  };

  /** The engine's word. */
  set(status: WireStatus): void {
    const { sync } = status;
    // The engine knows only that it has no token; why the app had none is known here.
    const isExplained = sync.state === 'needs_auth' && !sync.reason && this.#tokenFault;
    const shown = {
      ...status,
      storage: { ...status.storage, ...this.#room },
      sync: isExplained ? { ...sync, reason: this.#tokenFault } : sync,
    };
    this.#now = shown;
    for (const { call } of [...this.#listeners]) callOut(() => call(shown));
  }

  /** What the app's `token` function failed with, or null. */
  setTokenFault(fault: string | null): void {
    this.#tokenFault = fault;
  }

  /** Asks the browser how much room there is. */
  async measure(): Promise<void> {
    this.#room = await askRoom();
    if (this.#now) this.set(this.#now);
  }

  /** There is no engine any more. */
  fail(error: HolmError): void {
    if (!this.#now) return;
    const { storage, sync } = this.#now;
    this.set({
      ...this.#now,
      storage: { ...storage, state: 'failed', message: error.message },
      sync: { ...sync, state: 'off', reason: error.code },
    });
  }
}
