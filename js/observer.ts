// The one thing that every hook and every subscription wraps: the state of a live query, shared by
// all equal queries of a database.

import type { Subscriber } from './connection.ts';
import { callOut, type HolmError, toHolmError } from './error.ts';
import type { Layout, PlainRow } from './layout.ts';
import type { WirePatch, WireRow } from './message.ts';
import { applyPatch, NewRows, type Patch } from './rows.ts';

/** What a live query shows. After an error, `data` is what was shown last. */
export type Snapshot<R> =
  | { readonly status: 'loading'; readonly data: undefined; readonly error: undefined }
  | { readonly status: 'live'; readonly data: readonly R[]; readonly error: undefined }
  | {
      readonly status: 'error';
      readonly data: readonly R[] | undefined;
      readonly error: HolmError;
    };

/** The state before the first result; also what is rendered on a server. */
export const LOADING = { status: 'loading', data: undefined, error: undefined } as const;

/** A store in the form that frameworks expect. */
export interface Observer<R> {
  /** Calls back after each change, with its patch, or null where the whole result is new. */
  readonly subscribe: (listener: (patch: Patch<R> | null) => void) => () => void;
  /** The state now; the same object until it changes. */
  readonly getSnapshot: () => Snapshot<R>;
}

/** How long a live query is kept after its last listener: over remounts and navigation. */
const LINGER_MS = 1_000;

type Listener = (patch: Patch<PlainRow> | null) => void;

/** Begins to keep a query live; the function it gives ends that. */
export type Open = (subscriber: Subscriber) => () => void;

/** The observers of a database by the text of their query. */
export class ObserverPool {
  readonly #byKey = new Map<string, Observer<PlainRow>>();

  /** The observer of a query, shared while anyone holds it. */
  get(key: string, layout: Layout, open: Open): Observer<PlainRow> {
    const shared = this.#byKey.get(key);
    if (shared) return shared;
    const observer = new LiveRows(layout, open, (isHeld) => {
      const current = this.#byKey.get(key);
      if (isHeld && !current) this.#byKey.set(key, observer);
      if (!isHeld && current === observer) this.#byKey.delete(key);
    });
    this.#byKey.set(key, observer);
    return observer;
  }
}

class LiveRows implements Observer<PlainRow>, Subscriber {
  readonly #layout: Layout;
  readonly #open: Open;
  /** Tells the pool whether anyone listens. */
  readonly #hold: (isHeld: boolean) => void;
  #snapshot: Snapshot<PlainRow> = LOADING;
  /** A result that comes in parts. */
  #coming: NewRows | undefined;
  readonly #listeners = new Set<{ readonly call: Listener }>();
  #close: (() => void) | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;

  constructor(layout: Layout, open: Open, hold: (isHeld: boolean) => void) {
    this.#layout = layout;
    this.#open = open;
    this.#hold = hold;
    this.#lingerOn();
  }

  readonly getSnapshot = (): Snapshot<PlainRow> => this.#snapshot;

  readonly subscribe = (call: Listener): (() => void) => {
    const listener = { call };
    this.#listeners.add(listener);
    clearTimeout(this.#linger);
    this.#hold(true);
    if (!this.#close) this.#start();
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.#lingerOn();
    };
  };

  part(wire: readonly WireRow[], from: number): void {
    const old = this.#snapshot.data ?? [];
    if (from === 0) this.#coming = new NewRows(old, this.#layout);
    this.#coming?.add(wire);
  }

  result(wire: readonly WireRow[], from = 0): void {
    this.part(wire, from);
    const old = this.#snapshot.data;
    const rows = this.#coming?.done() ?? [];
    this.#coming = undefined;
    if (this.#snapshot.status === 'live' && rows === old) return;
    this.#show({ status: 'live', data: rows, error: undefined }, null);
  }

  patch(wire: WirePatch): void {
    if (this.#snapshot.status !== 'live') return;
    try {
      const { rows, patch } = applyPatch(this.#snapshot.data, wire, this.#layout);
      this.#show({ status: 'live', data: rows, error: undefined }, patch);
    } catch (thrown) {
      this.#close?.();
      this.error(toHolmError(thrown));
    }
  }

  error(error: HolmError): void {
    this.#close = undefined;
    this.#show({ status: 'error', data: this.#snapshot.data, error }, null);
  }

  #start(): void {
    if (this.#snapshot.status === 'error') this.#snapshot = LOADING;
    // Opening may fail at once; then a later listener tries it anew.
    this.#close = () => {};
    const close = this.#open(this);
    if (this.#close !== undefined) this.#close = close;
  }

  #show(snapshot: Snapshot<PlainRow>, patch: Patch<PlainRow> | null): void {
    this.#snapshot = snapshot;
    for (const { call } of [...this.#listeners]) callOut(() => call(patch));
  }

  #lingerOn(): void {
    this.#linger = setTimeout(() => {
      this.#hold(false);
      this.#close?.();
      this.#close = undefined;
      this.#snapshot = LOADING;
    }, LINGER_MS);
    // Where timers keep a process alive, this one must not.
    if (typeof this.#linger === 'object') (this.#linger as { unref?(): void }).unref?.();
  }
}
