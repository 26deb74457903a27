// Runs the queries of a database, live and once.
import { binaryOf } from './binary.ts';
import type { Connection } from './connection.ts';
import type { HolmError } from './error.ts';
import type { Layout, PlainRow } from './layout.ts';
import type { WireRow } from './message.ts';
import { type Observer, ObserverPool } from './observer.ts';
import type { Ast, Source } from './query.ts';
import { NewRows } from './rows.ts';

/** Results that are remembered, for as long as the app has them. */
const RESULTS_MAX = 64;

/** A result, and the last commit of which engine it shows. */
interface Result {
  readonly rows: WeakRef<readonly PlainRow[]>;
  readonly revision: number | undefined;
  readonly engine: number;
}

/**
 * Runs queries on the connection. Equal live queries share one observer; a result that the app
 * still has is not read again where nothing was committed since.
 */
export class LiveSource implements Source {
  readonly #connection: Connection;
  readonly #observers = new ObserverPool();
  readonly #results = new Map<string, Result>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async get(query: Ast, layout: Layout): Promise<readonly PlainRow[]> {
    const key = keyOf(query);
    const known = this.#results.get(key);
    const engine = this.#connection.engines;
    const old = known?.engine === engine ? known.rows.deref() : undefined;
    const since = old && known?.revision;
    let coming = new NewRows([], layout);
    const part = (wire: readonly WireRow[], from: number) => {
      if (from === 0) coming = new NewRows([], layout);
      coming.add(wire);
    };
    const asked = this.#connection.request('get', { query, since }, undefined, part);
    const { rows: wire, revision, from = 0 } = await asked;
    if (since && !wire) {
      // Where another engine has answered, its commits are not those that were meant.
      return old && engine === this.#connection.engines ? old : this.get(query, layout);
    }
    part(wire ?? [], from);
    const rows = coming.done();
    this.#results.delete(key);
    this.#results.set(key, { rows: new WeakRef(rows), revision, engine: this.#connection.engines });
    const [oldest = key] = this.#results.keys();
    if (this.#results.size > RESULTS_MAX) this.#results.delete(oldest);
    return rows;
  }

  async explain(query: Ast): Promise<string> {
    const { text = '' } = await this.#connection.request('explain', { query });
    return text;
  }

  observe(query: Ast, layout: Layout, failure: HolmError | undefined): Observer<PlainRow> {
    const key = failure ? `${failure.code} ${failure.message}` : keyOf(query);
    return this.#observers.get(key, layout, (subscriber) => {
      if (!failure) return this.#connection.subscribe(query, subscriber);
      subscriber.error(failure);
      return () => {};
    });
  }
}

/** The query as a text. Of its bytes, each is a character of its own. */
function keyOf(query: Ast): string {
  return new TextDecoder('latin1').decode(binaryOf(query));
}
