// Handles of writes: how far each has come, as a state and as promises.
//
// The promises are made when they are asked for, so that nobody gets an unhandled rejection for
// `accepted` who never cared whether a server took the write. A write that could not be saved is
// different: if nobody asked for any promise of its handle, `saved` is made and left rejected.
// That reaches the platform's handler of unhandled rejections, where error reporting listens
// already and which ends a test or a Node process, with the write's own stack of facts. A line on
// the console would be lost on users' devices, and a listener of our own nobody would install.
import { HolmError } from './error.ts';
import type { EntryNotice, EntryState } from './message.ts';

/**
 * How far a write has come. `saved` is durable on this device and queued for the server;
 * `failed` could not be saved and changed nothing that stays. Of several entries, the least far.
 */
export type WriteState = 'saving' | 'saved' | EntryState | 'failed';

/**
 * A write on its way. The promises reject with a HolmError.
 *
 * @example
 * const write = db.mutate.films.insert({ title: 'Alien' });
 * open(write.id); // at once
 * await write.saved; // survives a crash
 * await write.accepted; // the server has it
 */
export interface Write {
  /** The document. */
  readonly id: string;
  readonly state: WriteState;
  /** Resolves when the write is durable on this device. */
  readonly saved: Promise<void>;
  /** Resolves when it was sent; at once after `saved` for what never leaves the device. */
  readonly sent: Promise<void>;
  /** Resolves when the server accepted it; pending for as long as there is no server. */
  readonly accepted: Promise<void>;
}

/** A write of several documents. */
export interface WriteMany extends Omit<Write, 'id'> {
  /** The documents, in the order they were given. */
  readonly ids: readonly string[];
}

/** A promise that exists once it is asked for. */
class Milestone {
  isAsked = false;
  #outcome: { readonly error: HolmError | null } | undefined;
  #promise: Promise<void> | undefined;
  #wake: (() => void) | undefined;

  get(): Promise<void> {
    this.isAsked = true;
    this.#promise ??= new Promise((resolve, reject) => {
      this.#wake = () => {
        if (this.#outcome?.error) reject(this.#outcome.error);
        else if (this.#outcome) resolve();
      };
      this.#wake();
    });
    return this.#promise;
  }

  settle(error: HolmError | null): void {
    this.#outcome ??= { error };
    this.#wake?.();
  }
}

/** The handle behind `Write` and `WriteMany`. */
export class PendingWrite implements Write, WriteMany {
  readonly ids: readonly string[];
  #current: WriteState = 'saving';
  /** States of the entries; a write of several transactions has several. */
  readonly #entries = new Map<number, EntryState | 'queued'>();
  readonly #milestones = {
    saved: new Milestone(),
    sent: new Milestone(),
    accepted: new Milestone(),
  };

  constructor(ids: readonly string[]) {
    this.ids = ids;
  }

  get id(): string {
    return this.ids[0] as string;
  }

  get state(): WriteState {
    return this.#current;
  }

  get saved(): Promise<void> {
    return this.#milestones.saved.get();
  }

  get sent(): Promise<void> {
    return this.#milestones.sent.get();
  }

  get accepted(): Promise<void> {
    return this.#milestones.accepted.get();
  }

  /** One of its transactions is saved; null is one that never leaves the device. */
  addEntry(entry: number | null): void {
    if (entry !== null) this.#entries.set(entry, 'queued');
  }

  /** All its transactions are saved. */
  allSaved(): void {
    // The first of its entries may have been refused while later ones were being saved.
    if (this.#current === 'saving') this.#current = 'saved';
    this.#milestones.saved.settle(null);
    this.#advance();
  }

  /** It could not be saved. */
  failed(error: HolmError): void {
    this.#current = 'failed';
    const milestones = Object.values(this.#milestones);
    for (const milestone of milestones) milestone.settle(error);
    queueMicrotask(() => {
      // Makes the rejection that nobody would see (head of this file).
      if (!milestones.some(({ isAsked }) => isAsked)) void this.saved;
    });
  }

  /** One of its entries has moved. */
  entryMoved({ entry, state, code, message }: EntryNotice): void {
    this.#entries.set(entry, state);
    if (state !== 'sent' && state !== 'accepted') this.#refused(state, code, message);
    else if (this.#current !== 'saving' && this.#current !== 'failed') this.#advance();
  }

  #refused(state: EntryState, code: string = state, message?: string): void {
    const isSent = state === 'rejected';
    const error = new HolmError(code, message ?? `The write was ${state}.`, {
      details: { state },
    });
    this.#current = state;
    this.#milestones.sent.settle(isSent ? null : error);
    this.#milestones.accepted.settle(error);
  }

  #advance(): void {
    const states = [...this.#entries.values()];
    if (states.some((state) => state === 'queued')) return;
    this.#milestones.sent.settle(null);
    const isAccepted = states.every((state) => state === 'accepted');
    if (isAccepted) this.#milestones.accepted.settle(null);
    if (states.length > 0 && isOnTheWay(this.#current)) {
      this.#current = isAccepted ? 'accepted' : 'sent';
    }
  }
}

function isOnTheWay(state: WriteState): boolean {
  return state === 'saved' || state === 'sent';
}
