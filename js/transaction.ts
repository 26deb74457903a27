// Transactions: reads and writes that are saved together or not at all, and that are run again
// when something they read was changed by others.
import type { Connection, Settle } from './connection.ts';
import { HolmError, toHolmError } from './error.ts';
import { type Layout, type PlainRow, perCollection } from './layout.ts';
import { idOf, operation } from './mutate.ts';
import { type Ast, Selection, type Source } from './query.ts';
import type { CollectionName, Insert, Operands, Row, Schema, Update } from './schema.ts';

/** How often a transaction is run again after a conflict. */
const RETRIES_MAX = 5;

/** The writes of a collection within a transaction; bad input throws. */
export interface TransactionMutations<S extends Schema, N extends CollectionName<S>> {
  /** Gives the id. */
  insert(document: Insert<S, N>): string;
  /** Gives the id. */
  upsert(document: Insert<S, N>): string;
  update(id: string, fields: Update<S, N>): void;
  delete(id: string): void;
}

/** What a transaction can do: `mutate` and `query`, like the database. It reads its own writes. */
export interface Transaction<S extends Schema> {
  readonly mutate: { readonly [N in CollectionName<S>]: TransactionMutations<S, N> };
  readonly query: {
    readonly [N in CollectionName<S>]: Selection<Row<S, N>, Operands<S, N>>;
  };
}

/** Runs the function as a transaction, again after a conflict; resolves when it is saved. */
export async function runTransaction<S extends Schema, T>(
  connection: Connection,
  schema: S,
  run: (tx: Transaction<S>) => Promise<T> | T,
): Promise<T> {
  for (let retries = 0; ; retries += 1) {
    const attempt = new Attempt(connection);
    try {
      const result = await run(attempt.open(schema));
      await attempt.commit();
      return result;
    } catch (thrown) {
      attempt.abort();
      if (retries === RETRIES_MAX || !isConflict(thrown)) throw thrown;
    }
  }
}

/** `no_transaction`: it was open in an engine that is gone. */
function isConflict(thrown: unknown): boolean {
  if (!(thrown instanceof HolmError)) return false;
  return thrown.code === 'transaction_conflict' || thrown.code === 'no_transaction';
}

/** One run of a transaction. */
class Attempt implements Source {
  readonly #connection: Connection;
  readonly #number: number;
  #isOver = false;
  /** The first write that the engine refused: then there is no commit. */
  #failure: HolmError | null = null;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#number = connection.send('begin', {}, this.#keepFailure);
  }

  open<S extends Schema>(schema: S): Transaction<S> {
    const mutate = perCollection(schema, (layout) => this.#mutationsOf(layout));
    const query = perCollection(schema, (layout) => new Selection(this, layout));
    return { mutate, query } as Transaction<S>;
  }

  async commit(): Promise<void> {
    this.#mustBeOpen();
    if (this.#failure) throw this.#failure;
    this.#isOver = true;
    try {
      await this.#connection.request('commit', { transaction: this.#number });
    } catch (thrown) {
      // The engine refuses to commit what it refused to write; its first reason tells more.
      throw this.#failure ?? toHolmError(thrown);
    }
  }

  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#connection.send('abort', { transaction: this.#number }, () => {});
  }

  async get(query: Ast, layout: Layout): Promise<readonly PlainRow[]> {
    this.#mustBeOpen();
    const members = { query, transaction: this.#number };
    const { rows = [] } = await this.#connection.request('tx_get', members);
    return layout.decodeRows(rows);
  }

  explain(): never {
    return this.observe();
  }

  observe(): never {
    throw new HolmError('bad_request', 'A transaction has no live queries. Use get().');
  }

  readonly #keepFailure: Settle = (error) => {
    this.#failure ??= error;
  };

  #mutationsOf(layout: Layout): TransactionMutations<Schema, string> {
    const write = (op: 'insert' | 'upsert' | 'update' | 'delete', id: string, doc?: unknown) => {
      this.#mustBeOpen();
      const members = { transaction: this.#number };
      const ops = operation(layout, op, id, doc);
      this.#connection.send('tx_write', members, this.#keepFailure, ops);
      return id;
    };
    return {
      insert: (document) => write('insert', idOf(document), document),
      upsert: (document) => write('upsert', idOf(document), document),
      update: (id, fields) => void write('update', id, fields),
      delete: (id) => void write('delete', id),
    };
  }

  #mustBeOpen(): void {
    if (!this.#isOver) return;
    throw new HolmError(
      'transaction_over',
      'The transaction has ended. Await everything inside the function that you give it.',
    );
  }
}
