// The outbox as a live collection: every write that the server has not confirmed, and those that
// it refused, with their content and the reason.
import type { Connection } from './connection.ts';
import { Layout } from './layout.ts';
import type { Writer } from './mutate.ts';
import { Query, type Source } from './query.ts';
import { t } from './schema.ts';
import type { Json } from './value.ts';

/** One transaction in the outbox. */
export interface OutboxEntry {
  readonly id: string;
  readonly state: 'queued' | 'sent' | 'accepted' | 'rejected' | 'quarantined';
  /** Its number towards the server, once it was sent. */
  readonly seq: number | null;
  /** The named mutator it came from. */
  readonly mutation: string | null;
  /** Why it was refused. */
  readonly code: string | null;
  readonly message: string | null;
  readonly createdAt: number;
  /** The documents it touches. */
  readonly documents: readonly (readonly [collection: string, id: string])[];
  /** What it does. */
  readonly operations: Json;
}

type Operands = {
  readonly [K in keyof OutboxEntry]: K extends 'createdAt'
    ? number | Date
    : NonNullable<OutboxEntry[K]>;
};

/** The fields of `$outbox`, in the order of docs/PAGE.md. */
const FIELDS = {
  state: t.string(),
  seq: t.int().nullable(),
  mutation: t.string().nullable(),
  code: t.string().nullable(),
  message: t.string().nullable(),
  createdAt: t.timestamp(),
  documents: t.json(),
  operations: t.json(),
};

/**
 * `db.outbox`: a query over all entries, and what can be done with one.
 *
 * @example
 * const stop = db.outbox.where('state', '=', 'rejected').subscribe(({ rows }) => review(rows));
 * await db.outbox.discard(entry);
 */
export class Outbox extends Query<OutboxEntry, Operands> {
  readonly #connection: Connection;
  readonly #writer: Writer;

  constructor(source: Source, connection: Connection, writer: Writer) {
    super(source, new Layout('$outbox', FIELDS));
    this.#connection = connection;
    this.#writer = writer;
  }

  /** Sends a rejected or quarantined entry again, as a new entry at the end. */
  async retry(entry: Pick<OutboxEntry, 'id'>): Promise<void> {
    await this.#connection.request('retry', { entry: Number(entry.id) });
  }

  /** Takes an entry out and what it wrote back; not one that may be at the server already. */
  async discard(entry: Pick<OutboxEntry, 'id'>): Promise<void> {
    const number = Number(entry.id);
    await this.#connection.request('discard', { entry: number });
    this.#writer.entryMoved({ kind: 'entry', entry: number, state: 'discarded' });
  }
}
