// A database as the app holds it: opens the engine and hands each part its connection.
import type { BulkOptions } from './bulk.ts';
import { Connection, type Notice } from './connection.ts';
import { HolmError, toHolmError } from './error.ts';
import { layoutOf, perCollection } from './layout.ts';
import type { Answer } from './message.ts';
import { type Mutations, mutationsOf, Writer } from './mutate.ts';
import { Outbox } from './outbox.ts';
import { Query } from './query.ts';
import { askToPersist } from './room.ts';
import type { CollectionName, Insert, Operands, Row, Schema } from './schema.ts';
import { LiveSource } from './source.ts';
import { type DatabaseStatus, LiveStatus } from './status.ts';
import { runTransaction, type Transaction } from './transaction.ts';
import {
  type ExportOptions,
  exportFrom,
  Import,
  type Imported,
  type ImportOptions,
  type Ndjson,
} from './transfer.ts';

/** With which server a database synchronises. */
export interface SyncOptions {
  /** The server's address, `https://api.example.com`. */
  readonly url: string;
  /** The space: what is ordered and permitted together. */
  readonly space: string;
  /** Gives the bearer token; called whenever the server wants one. Null: there is none now. */
  readonly token?: () => Token | Promise<Token>;
}

type Token = string | null;

/** How a database is opened. */
export interface DatabaseOptions<S extends Schema> {
  /** Names it among the databases of the origin. */
  readonly name: string;
  readonly schema: S;
  /** Without it nothing leaves the device; writes are queued. */
  readonly sync?: SyncOptions;
  /**
   * `strict` (default): `saved` survives a crash of the machine. `relaxed`: of the tab and the
   * browser.
   */
  readonly durability?: 'strict' | 'relaxed';
  /**
   * In Node, Deno and Bun: where the database's folder is, or is made; without it everything is in
   * memory. Browsers have a place of their own, and ignore it.
   */
  readonly directory?: string;
}

/** A document of a seed: it brings its id, so that two devices seed the same one. */
export type Seed<S extends Schema, N extends CollectionName<S>> = Insert<S, N> & {
  readonly id: string;
};

/** Starts an engine for a connection; the function it gives stops it. */
export type Runtime = (connection: Connection) => () => void;

/** What a database is made of. */
interface Parts {
  readonly connection: Connection;
  readonly writer: Writer;
  readonly status: LiveStatus;
  readonly source: LiveSource;
  readonly stop: () => void;
}

/** Openings under way in this page by the database's name; they settle and never reject. */
const openings = new Map<string, Promise<void>>();

/**
 * Opens a database on an engine that the runtime starts. Engines start in no certain order, so a
 * second opening waits for the first one to be settled: of two calls the first has the database
 * first, and the second when the first is closed.
 */
export function openDatabase<S extends Schema>(
  options: DatabaseOptions<S>,
  run: Runtime,
): Promise<Database<S>> {
  const { name } = options;
  const before = openings.get(name);
  const opening = before ? before.then(() => open(options, run)) : open(options, run);
  const end = () => {
    if (openings.get(name) === settled) openings.delete(name);
  };
  const settled = opening.then(end, end);
  openings.set(name, settled);
  return opening;
}

async function open<S extends Schema>(
  options: DatabaseOptions<S>,
  run: Runtime,
): Promise<Database<S>> {
  const { name, schema, sync, durability = 'strict' } = options;
  const status = new LiveStatus();
  const connection = new Connection((notice) => hear(notice));
  const writer = new Writer(connection);
  const hear = listener(connection, writer, status, sync);
  const opening = connection.open({
    name,
    schema: schema.wire,
    ...(sync && { sync: { url: sync.url, space: sync.space } }),
    durability,
  });
  const stop = run(connection);
  void status.measure();
  try {
    await opening;
  } catch (error) {
    stop();
    throw error;
  }
  const source = new LiveSource(connection);
  return new Database(options, { connection, writer, status, source, stop });
}

/** Passes the connection's notices to the parts that they are for. */
function listener(
  connection: Connection,
  writer: Writer,
  status: LiveStatus,
  sync: SyncOptions | undefined,
): (notice: Notice) => void {
  return (notice) => {
    switch (notice.kind) {
      case 'status':
        status.set(notice.status);
        break;
      case 'entry':
        writer.entryMoved(notice);
        break;
      case 'token':
        void sendToken(connection, status, sync);
        break;
      case 'recovered':
        // It fails only where the connection does, and then everybody is told.
        writer.recover().catch(() => {});
        break;
      case 'full':
        void status.measure();
        break;
      case 'failed':
        status.fail(notice.error);
        break;
    }
  };
}

async function sendToken(
  connection: Connection,
  status: LiveStatus,
  sync: SyncOptions | undefined,
): Promise<void> {
  let token: Token = null;
  let fault: string | null = null;
  try {
    token = (await sync?.token?.()) ?? null;
  } catch (thrown) {
    fault = `token: ${toHolmError(thrown).message}`;
  }
  status.setTokenFault(fault);
  connection.send('token', { token }, () => {});
}

/** An open database. Made by `createDatabase`. */
export class Database<S extends Schema> {
  /** Writes, by collection: `db.mutate.films.insert({ ... })`. */
  readonly mutate: { readonly [N in CollectionName<S>]: Mutations<S, N> };
  /** Queries, by collection: `db.query.films.where('year', '>', 1990)`. */
  readonly query: { readonly [N in CollectionName<S>]: Query<Row<S, N>, Operands<S, N>> };
  /** How storage, synchronisation and outbox are. */
  readonly status: DatabaseStatus;
  /** The writes that the server has not confirmed, and those that it refused. */
  readonly outbox: Outbox;
  readonly #schema: S;
  readonly #parts: Parts;

  /** @internal */
  constructor({ schema }: DatabaseOptions<S>, parts: Parts) {
    const { connection, writer, status, source } = parts;
    this.#schema = schema;
    this.#parts = parts;
    this.status = status;
    this.outbox = new Outbox(source, connection, writer);
    const mutate = perCollection(schema, (layout) => mutationsOf(writer, layout));
    const query = perCollection(schema, (layout) => new Query(source, layout));
    this.mutate = mutate as Database<S>['mutate'];
    this.query = query as Database<S>['query'];
  }

  /**
   * Inserts documents as if they had always been there: the same seed on two devices is one, and
   * it never beats an edit. Saved in transactions of about 256 KB, in order.
   *
   * @example
   * await db.seed('films', films, { onProgress: ({ saved, total }) => show(saved / total) });
   */
  async seed<N extends CollectionName<S>>(
    collection: N,
    documents: readonly Seed<S, N>[],
    options: BulkOptions = {},
  ): Promise<void> {
    const layout = layoutOf(this.#schema, collection);
    for (const { id } of documents) layout.checkId(id);
    await this.#parts.writer.writeMany(layout, 'seed', documents, options).saved;
  }

  /**
   * Reads and writes that are saved together or not at all. The function may run up to six times,
   * when others change what it read; then the promise rejects with `transaction_conflict`. What
   * the function throws leaves nothing behind.
   *
   * @example
   * await db.transaction(async (tx) => {
   *   const [film] = await tx.query.films.where('id', '=', id).get();
   *   if (film) tx.mutate.films.update(id, { rating: (film.rating ?? 0) + 1 });
   * });
   */
  transaction<T>(run: (tx: Transaction<S>) => Promise<T> | T): Promise<T> {
    return runTransaction(this.#parts.connection, this.#schema, run);
  }

  /** Synchronises now; resolves when every write is at the server and its news are here. */
  async sync(): Promise<void> {
    await this.#parts.connection.request('sync');
  }

  /**
   * All readable documents as NDJSON, also where the store is damaged. It is read from the store
   * as the stream is read: what is written meanwhile may be in it or not.
   *
   * @example
   * await db.export().pipeTo(await fileHandle.createWritable());
   */
  export(options: ExportOptions = {}): ReadableStream<Uint8Array<ArrayBuffer>> {
    return exportFrom(this.#parts.connection, options);
  }

  /**
   * Writes the documents of an export, in transactions of about 256 KB: new ones, and new values
   * for the fields of those that are there; fields and documents that it does not name stay. They
   * are synchronised like any write. Entries of the outbox are passed over. Rejects at the first
   * line that is refused, with its number in `details.line`; what is before it is saved then.
   *
   * @example
   * await db.import(file.stream(), { onProgress: ({ imported }) => show(imported) });
   */
  import(source: Ndjson, options: ImportOptions = {}): Promise<Imported> {
    return new Import(this.#parts.connection, this.#schema, options).run(source);
  }

  /**
   * Reads everything that is stored. Gives how many records there are, and how many of them do not
   * decode or do not agree with the rest; an index among those is built anew. What cannot be read
   * at all is told by `db.status`, whose storage is `damaged` then.
   *
   * @example
   * const { checked, faults } = await db.check();
   */
  async check(): Promise<{ readonly checked: number; readonly faults: number }> {
    const sum = { checked: 0, faults: 0 };
    for (let from: string | null = ''; from !== null; ) {
      const slice: Answer = await this.#parts.connection.request('check', { from });
      sum.checked += slice.checked ?? 0;
      sum.faults += slice.faults ?? 0;
      from = slice.next ?? null;
    }
    return sum;
  }

  /**
   * Asks the browser to keep this site's data also when the device gets short of space. Some ask
   * the user, others decide by themselves. Whether it will: `db.status.storage.persisted` from
   * then on.
   *
   * @example
   * if (!(await db.persist())) warn('Your data may be removed when space gets short');
   */
  async persist(): Promise<boolean> {
    const isKept = await askToPersist();
    await this.#parts.status.measure();
    return isKept;
  }

  /** Saves what was written before, lets go of the files and ends all live queries. */
  async close(): Promise<void> {
    const { connection, stop } = this.#parts;
    try {
      // Without an engine there is nobody to ask, and nothing that could still be saved.
      if (connection.isReady) await connection.request('close');
    } finally {
      const message = 'The database was closed. Open it again with createDatabase().';
      connection.fail(new HolmError('closed', message));
      stop();
    }
  }
}
