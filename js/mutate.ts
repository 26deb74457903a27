// Writing to a collection, outside transactions: each call is a transaction of its own.
import { BinaryWriter } from './binary.ts';
import {
  type Batch,
  type Cut,
  cut,
  gather,
  type InsertManyOptions,
  type Sent,
  sendInOrder,
} from './bulk.ts';
import type { Connection, Settle } from './connection.ts';
import { callOut, HolmError, toHolmError } from './error.ts';
import { newId } from './id.ts';
import type { Layout } from './layout.ts';
import type { Answer, EntryNotice } from './message.ts';
import type { CollectionName, Insert, Schema, Update } from './schema.ts';
import { PendingWrite, type Write, type WriteMany } from './write.ts';

/**
 * The writes of a collection: `db.mutate.films`. What is given is checked and copied at once,
 * except by `insertMany`. Bad input rejects the handle's `saved` and changes nothing.
 */
export interface Mutations<S extends Schema, N extends CollectionName<S>> {
  /** A new document. `exists` where the id is taken. */
  insert(document: Insert<S, N>): Write;
  /** A new document, or new values for the fields of the one with this id. */
  upsert(document: Insert<S, N>): Write;
  /**
   * New documents, in transactions of about 256 KB that are saved in order. The array belongs to
   * Holm until `saved`, and only the first transaction keeps its order with other calls, so await
   * it before you write to these documents again. When one fails, those before it stay, and the
   * error's `details.saved` says how many documents there are; with `atomic` there are none.
   */
  insertMany(documents: readonly Insert<S, N>[], options?: InsertManyOptions): WriteMany;
  /** New values for the fields that are named. `not_found` where there is no such document. */
  update(id: string, fields: Update<S, N>): Write;
  /** Deletes a document. */
  delete(id: string): Write;
}

type Op = 'insert' | 'upsert' | 'update' | 'delete' | 'seed';

/** What an operation does, to which document, and for all but `delete` the document. */
type Parts = readonly [layout: Layout, op: Op, id: unknown, document?: unknown];

/** Writes an operation down: a list of its parts. */
function writeOperation(writer: BinaryWriter, [layout, op, id, document]: Parts): void {
  const isDelete = op === 'delete';
  layout.checkId(id);
  writer.list(isDelete ? 3 : 4);
  writer.write(op);
  writer.write(layout.collection);
  writer.write(id);
  if (!isDelete) layout.writeFields(writer, document);
}

/** One operation as the engine reads it. */
export function operation(...parts: Parts): Uint8Array {
  const writer = new BinaryWriter();
  writeOperation(writer, parts);
  return writer.take(writer.length);
}

/** The id that a document brings, or a new one. */
export function idOf(document: unknown): string {
  const id = (document as { readonly id?: string } | null | undefined)?.id;
  return id === undefined ? newId() : id;
}

/** The writes under way, by outbox entry. */
export class Writer {
  readonly #connection: Connection;
  readonly #byEntry = new Map<number, PendingWrite>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** One operation in a transaction of its own. */
  write(layout: Layout, op: Op, id: string, document?: unknown): Write {
    const write = new PendingWrite([id]);
    try {
      this.#send(operation(layout, op, id, document), write, (error) => {
        if (error) write.failed(error);
        else write.allSaved();
      });
    } catch (thrown) {
      write.failed(toHolmError(thrown));
    }
    return write;
  }

  /** Many documents, in order. */
  writeMany(
    layout: Layout,
    op: 'insert' | 'seed',
    documents: readonly unknown[],
    { atomic, onProgress }: InsertManyOptions = {},
  ): WriteMany & { readonly saved: Promise<void> } {
    const ids = documents.map(idOf);
    const write = new PendingWrite(ids);
    const total = ids.length;
    let saved = 0;
    const onSaved = (batch: Batch) => {
      saved += batch.count;
      if (onProgress) callOut(() => onProgress({ saved, total }));
    };
    const writeNth = (writer: BinaryWriter, nth: number) =>
      writeOperation(writer, [layout, op, ids[nth], documents[nth]]);
    this.#sendBatches(cut(writeNth, total), write, onSaved, atomic).then(
      () => write.allSaved(),
      (thrown) => write.failed(withProgress(toHolmError(thrown), saved)),
    );
    return write;
  }

  /** An entry has moved, by a notice of the engine. */
  entryMoved(notice: EntryNotice): void {
    const write = this.#byEntry.get(notice.entry);
    if (notice.state !== 'sent') this.#byEntry.delete(notice.entry);
    write?.entryMoved(notice);
  }

  /**
   * The engine was restarted, and what became of the entries in between was told to nobody. The
   * outbox knows; an entry that it has no more was accepted.
   */
  async recover(): Promise<void> {
    const entries = [...this.#byEntry.keys()];
    if (entries.length === 0) return;
    const where = { op: 'in', field: 'id', values: entries.map(entryToId) };
    const { rows = [] } = await this.#connection.request('get', {
      query: { from: '$outbox', where },
    });
    const rowsById = new Map(rows.map((row) => [row[0], row]));
    for (const entry of entries) {
      const [, state = 'accepted', , , code, message] = rowsById.get(entryToId(entry)) ?? [];
      if (state === 'queued') continue;
      const facts = { ...(code && { code }), ...(message && { message }) };
      this.entryMoved({ kind: 'entry', entry, state, ...facts } as EntryNotice);
    }
  }

  async #sendBatches(
    batches: Cut,
    write: PendingWrite,
    onSaved: (batch: Batch, answer: Answer) => void,
    atomic: boolean | undefined,
  ): Promise<void> {
    const send = (batch: Batch, previous?: number): Sent => {
      let number = 0;
      const answer = new Promise<Answer>((resolve, reject) => {
        const settle: Settle = (error, answer) => (error ? reject(error) : resolve(answer));
        number = this.#send(batch.ops, write, settle, previous);
      });
      return { number, answer };
    };
    const forget = (number: number) => this.#connection.forget(number);
    // A transaction that is written while the one before is being flushed cannot say that this was
    // durable, and damage to it then looks like the end of the log. Only IndexedDB flushes so.
    const most = this.#connection.storage === 'indexeddb' ? 1 : 2;
    if (!atomic) return sendInOrder(batches, { most, send, onSaved, forget });
    const first = batches.next();
    if (first.done) return;
    // Sent in this turn if it can be, so that it stays in the order of the calls around it.
    const second = batches.next();
    const [one, two] = [first.value as Batch, second.value];
    const batch = second.done ? one : await gather([one, two as Batch | null], batches);
    onSaved(batch, await send(batch).answer);
  }

  #send(ops: Uint8Array, write: PendingWrite, settle: Settle, previous?: number): number {
    const answered: Settle = (error, answer) => {
      const entry = answer.entry ?? null;
      if (!error) write.addEntry(entry);
      if (entry !== null) this.#byEntry.set(entry, write);
      settle(error, answer);
    };
    return this.#connection.send('write', { previous }, answered, ops);
  }
}

/** The writes of one collection. */
export function mutationsOf(writer: Writer, layout: Layout): Mutations<Schema, string> {
  return {
    insert: (document) => writer.write(layout, 'insert', idOf(document), document),
    upsert: (document) => writer.write(layout, 'upsert', idOf(document), document),
    insertMany: (documents, options) => writer.writeMany(layout, 'insert', documents, options),
    update: (id, fields) => writer.write(layout, 'update', id, fields),
    delete: (id) => writer.write(layout, 'delete', id),
  };
}

/** An outbox entry as the id of its document in `$outbox`. */
export function entryToId(entry: number): string {
  return String(entry).padStart(16, '0');
}

function withProgress(error: HolmError, saved: number): HolmError {
  const { code, message, retryable, details } = error;
  return new HolmError(code, message, { retryable, details: { ...details, saved } });
}
