// The connection to one IndexedDB database. Browsers drop connections; the next transaction opens
// another one, a few times.
import { busy, nameOf } from './rung.ts';

const VERSION = 1;
const STORES = ['meta', 'files', 'chunks'] as const;
/** WebKit has been seen to leave a request without an answer. */
const OPEN_MS = 4_000;
const REOPENINGS_MAX = 3;
/** A transaction has no time limit of its own. In seconds. */
const TRANSACTION_S = 30;
/** What another connection would not change. */
const FINAL = ['QuotaExceededError', 'NoModificationAllowedError', 'VersionError', 'SecurityError'];

export type Stores = Readonly<Record<(typeof STORES)[number], IDBObjectStore>>;

/**
 * Asks for what a transaction is to do, all at once, and gives what reads the result when it is
 * complete. `abort` ends the transaction without a trace.
 */
export type Work<T> = (stores: Stores, abort: (reason: unknown) => void) => () => T;

export class Connection {
  readonly #name: string;
  #opened: IDBDatabase | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  /**
   * Runs one transaction, durable when it is complete. Where the connection is lost meanwhile
   * nobody knows whether it was: it runs again, so that it must write the same the second time.
   */
  async run<T>(mode: IDBTransactionMode, work: Work<T>): Promise<T> {
    for (let reopenings = 0; ; reopenings += 1) {
      try {
        this.#opened ??= await this.#open();
        return await transact(this.#opened, mode, work);
      } catch (thrown) {
        this.close();
        if (FINAL.includes(nameOf(thrown)) || reopenings === REOPENINGS_MAX) throw thrown;
      }
    }
  }

  close(): void {
    this.#opened?.close();
    this.#opened = undefined;
  }

  /**
   * Deletes the database, and gives whether it is gone. Whoever else has a connection is asked to
   * close it; that of a worker that was killed may stay for long in WebKit, and the database until
   * then.
   */
  delete(): Promise<boolean> {
    this.close();
    return new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(this.#name);
      const refuse = () => reject(busy());
      setTimeout(refuse, OPEN_MS);
      request.onerror = refuse;
      request.onblocked = () => resolve(false);
      request.onsuccess = () => resolve(true);
    });
  }

  #open(): Promise<IDBDatabase> {
    return new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(this.#name, VERSION);
      const giveUp = (reason: unknown) => {
        reject(reason);
        // It may come yet.
        request.onsuccess = () => request.result.close();
      };
      const late = setTimeout(() => giveUp(busy()), OPEN_MS);
      request.onblocked = () => giveUp(busy());
      request.onupgradeneeded = () => {
        for (const store of STORES) request.result.createObjectStore(store);
      };
      request.onerror = (event) => {
        event.preventDefault(); // told here
        clearTimeout(late);
        reject(request.error);
      };
      request.onsuccess = () => {
        clearTimeout(late);
        const { result } = request;
        const drop = () => {
          if (this.#opened === result) this.#opened = undefined;
        };
        result.onclose = drop;
        result.onversionchange = () => {
          result.close();
          drop();
        };
        resolve(result);
      };
    }).catch((thrown) => {
      // Firefox's private windows; from a transaction this name means that a connection was lost.
      throw nameOf(thrown) === 'InvalidStateError'
        ? new DOMException('', 'NotSupportedError')
        : thrown;
    });
  }
}

function transact<T>(database: IDBDatabase, mode: IDBTransactionMode, work: Work<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(STORES, mode, { durability: 'strict' });
    let reason: unknown;
    const abort = (why: unknown) => {
      reason = why;
      transaction.abort();
    };
    let seconds = 0;
    // In short turns: a device that slept is not late.
    const clock = setInterval(() => {
      seconds += 1;
      if (seconds < TRANSACTION_S) return;
      clearInterval(clock);
      reject(busy());
      abort(busy());
    }, 1_000);
    const [meta, files, chunks] = STORES.map((store) => transaction.objectStore(store));
    // The requests were made; the data is there when the transaction says so.
    transaction.onabort = () => {
      clearInterval(clock);
      reject(reason ?? transaction.error ?? new Error('aborted'));
    };
    try {
      const result = work({ meta, files, chunks } as Stores, abort);
      transaction.oncomplete = () => {
        clearInterval(clock);
        resolve(result());
      };
    } catch (thrown) {
      abort(thrown);
    }
  });
}
