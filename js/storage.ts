// Storage as the engine's host asks for it, over the rung on which a database is.
import type { Kind, Opened, Storage, Told } from './platform.ts';
import type { Rung } from './rung.ts';

/** A file that is not made by then is not waited for: what is asked for after it waits too. */
const MAKE_MS = 30_000;

/** Does what is asked in order, one thing at a time. */
export class OrderedStorage implements Storage {
  readonly #find: (database: string) => Promise<Rung>;
  /** That of the database that was listed last. */
  #rung: Rung | undefined;
  /** The end of what was asked for so far. Rejected when the engine fails while it is told. */
  #done: Promise<void> = Promise.resolve();

  /** `find` gives the rung of a database. */
  constructor(find: (database: string) => Promise<Rung>) {
    this.#find = find;
  }

  get kind(): Kind {
    return this.#rung?.kind ?? 'memory';
  }

  list(database: string, around: boolean, told: Told): void {
    this.#do(async () => {
      await this.#rung?.close();
      this.#rung = undefined;
      this.#rung = await this.#find(database);
      return this.#rung.list(around);
    }, told);
  }

  make(name: string, told: Told): void {
    this.#do((rung) => inTime(rung.make(name)), told);
  }

  remove(name: string): void {
    this.#do((rung) => rung.remove(name).then(() => []));
  }

  flush(told: Told): void {
    this.#do((rung) => rung.flush().then(() => []), told);
  }

  /** Only listing may be asked for before a database is listed. */
  #do(job: (rung: Rung) => Promise<Opened[]>, told: Told = () => {}): void {
    const next = async () => job(this.#rung as Rung);
    this.#done = this.#done.then(() => next().then(told, (thrown) => told(undefined, thrown)));
  }
}

/** What is made in time; what is made later is closed. */
function inTime(making: Promise<Opened>): Promise<Opened[]> {
  return new Promise((resolve, reject) => {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      reject(new DOMException('', 'TimeoutError'));
    }, MAKE_MS);
    making
      .then((opened) => {
        if (isLate) opened.handle.close();
        resolve([opened]);
      }, reject)
      .finally(() => clearTimeout(timer));
  });
}
