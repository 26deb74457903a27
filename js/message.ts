// The messages of docs/PAGE.md as types. Nothing here runs.
import type { WireError } from './error.ts';
import type { Kind } from './platform.ts';
import type { Room } from './room.ts';
import type { Json } from './value.ts';

/** A row as it crosses: the id, then the fields in the schema's order. */
export type WireRow = readonly Json[];

/** An ordered change of a result list, as it crosses. */
export interface WirePatch {
  readonly removes: readonly number[];
  readonly moves: readonly (readonly [from: number, to: number])[];
  readonly inserts: readonly (readonly [at: number, row: WireRow])[];
  readonly updates: readonly (readonly [at: number, changes: readonly WireChange[]])[];
}

/** A column, counted as in a row, and its new value. */
export type WireChange = readonly [column: number, value: Json];

/** What a request is answered with; which members there are depends on its kind. */
export interface Answer {
  readonly replica?: string;
  readonly status?: WireStatus;
  readonly entry?: number | null;
  /** Absent where they are as the request says that the page has them. */
  readonly rows?: readonly WireRow[];
  /** How many rows came before, in parts. */
  readonly from?: number;
  /** The last commit that they show. */
  readonly revision?: number;
  readonly text?: string;
  readonly lines?: readonly string[];
  readonly count?: number;
  readonly next?: string | null;
  readonly checked?: number;
  readonly faults?: number;
}

/** What the engine says: an answer, or a notice nobody asked for. */
export type Message =
  | { readonly kind: 'reply'; readonly number: number; readonly ok: Answer }
  | { readonly kind: 'reply'; readonly number: number; readonly error: WireError }
  | ResultNotice
  | PartNotice
  | PatchNotice
  | EntryNotice
  | { readonly kind: 'status'; readonly status: WireStatus }
  | { readonly kind: 'token' }
  | { readonly kind: 'reopen' }
  | { readonly kind: 'fatal'; readonly message: string };

/** Replaces a live query's list. */
export interface ResultNotice {
  readonly kind: 'result';
  readonly subscription: number;
  readonly revision: number;
  /** How many rows came before, in parts. */
  readonly from?: number;
  readonly rows: readonly WireRow[];
}

/** Rows of an answer or a result that is still to come, so that none takes long to read. */
export interface PartNotice {
  readonly kind: 'part';
  readonly number?: number;
  readonly subscription?: number;
  /** How many rows came before. */
  readonly from: number;
  readonly rows: readonly WireRow[];
}

/** Changes a live query's list. */
export interface PatchNotice extends WirePatch {
  readonly kind: 'patch';
  readonly subscription: number;
  readonly revision: number;
}

/** Moves the state of a write of this page. */
export interface EntryNotice {
  readonly kind: 'entry';
  readonly entry: number;
  readonly state: EntryState;
  readonly code?: string;
  readonly message?: string;
}

/** How far an outbox entry has come after it was queued. */
export type EntryState = 'sent' | 'accepted' | 'rejected' | 'quarantined' | 'discarded';

/** Where the data is and whether it stays. */
export interface WireStorage {
  /** `memory` is gone with the page. */
  readonly kind: Kind;
  readonly durable: boolean;
  readonly state: 'ok' | 'damaged' | 'failed';
  /**
   * There was no room for the last write. Reading and deleting go on, by a reserve, for a while.
   */
  readonly full: boolean;
  /** What is wrong, if something is. */
  readonly message: string | null;
  readonly bytes: number;
  /** Bytes of a torn tail that recovery cut from the log when the database was opened. */
  readonly cutBytes: number;
  /** Indexes that are being built; until one is, queries go without it. */
  readonly indexing: number;
}

/** How synchronisation stands. */
export interface SyncStatus {
  readonly state:
    | 'off'
    | 'offline'
    | 'connecting'
    | 'pulling'
    | 'pushing'
    | 'idle'
    | 'backoff'
    | 'needs_auth'
    | 'refused'
    | 'stalled';
  /** Why, where the state is not a good one. */
  readonly reason: string | null;
  /** When `backoff` ends, in milliseconds since 1970. */
  readonly until: number | null;
  /** Whether a first pull has ever completed. */
  readonly pulled: boolean;
  /** The server's version that this replica has. */
  readonly version: number | null;
}

/** How many outbox entries are in each state. */
export interface OutboxStatus {
  readonly queued: number;
  readonly sent: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly quarantined: number;
}

/** How a database is, as the engine sees it. */
export interface WireStatus {
  readonly storage: WireStorage;
  readonly sync: SyncStatus;
  readonly outbox: OutboxStatus;
}

/** Where the data is, whether it stays, and how much room there is. */
export interface StorageStatus extends WireStorage, Room {}

/** How a database is. */
export interface Status extends WireStatus {
  readonly storage: StorageStatus;
}
