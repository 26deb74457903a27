// The IndexedDB rung, for browsers without OPFS: files are in memory (js/mirror.ts), and a flush
// writes what has changed of them in one transaction (docs/FORMAT.md, section 9).
import { newId } from './id.ts';
import { Connection, type Stores } from './indexeddb-connection.ts';
import { CHUNK_BYTES, Mirror, type MirrorFile } from './mirror.ts';
import type { Kind, Opened } from './platform.ts';
import { busy, type Home, nameOf, REFUSALS, type Rung } from './rung.ts';

/** All files of a database are in memory. */
const BYTES_MAX = 64 << 20;
/** Records of the store `meta`. */
const HOME = 'home';
const OWNER = 'owner';
/** Chunks that are read by one request. */
const BATCH = 128;

/** What of a mirror a transaction is to write down. */
interface Changes {
  readonly removed: ReadonlySet<string>;
  readonly files: readonly FileChanges[];
}

interface FileChanges {
  readonly name: string;
  readonly file: MirrorFile;
  readonly isChanged: boolean;
  readonly changedChunks: ReadonlySet<number>;
  readonly cutFrom: number;
}

/** One database in IndexedDB. */
export class IndexedDb implements Rung {
  readonly kind = 'indexeddb';
  /** Where the database lives, if that was written down here before it was opened. */
  home: Home | undefined;
  readonly #connection: Connection;
  /** Ours as long as it is what is written down: another leader replaces it. */
  readonly #owner = newId();
  #mirror = new Mirror();

  private constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Opens it; undefined where IndexedDB cannot be used at all. What is there and cannot be opened
   * now is thrown, since an empty one in its place would look like a loss.
   */
  static async open(database: string): Promise<IndexedDb | undefined> {
    if (!globalThis.indexedDB) return undefined;
    const one = new IndexedDb(new Connection(`holm:${database}`));
    try {
      one.home = await one.#readHome();
    } catch (thrown) {
      if (REFUSALS.includes(nameOf(thrown))) return undefined;
      throw thrown;
    }
    return one;
  }

  #readHome(): Promise<Home | undefined> {
    return this.#connection.run('readonly', ({ meta }) => {
      const found = meta.get(HOME);
      return () => found.result;
    });
  }

  setHome(home: Home): Promise<void> {
    return this.#connection.run('readwrite', ({ meta }) => {
      meta.put(home, HOME);
      return () => {};
    });
  }

  /** Writes down that the database has moved, unless somebody has taken it over meanwhile. */
  async moveTo(rung: Kind): Promise<void> {
    const home = { rung, moves: (this.home?.moves ?? 0) + 1 };
    await this.#write(({ meta }) => meta.put(home, HOME));
  }

  /** Removes the files, of which there is a home elsewhere. */
  empty(): Promise<void> {
    return this.#clear(({ files, chunks }) => [files, chunks]);
  }

  /** Removes the database with all that is in it. */
  async delete(): Promise<void> {
    const emptied = this.#clear(({ meta, files, chunks }) => [meta, files, chunks]);
    // A full storage may refuse even that.
    await emptied.catch(() => {});
    if (!(await this.#connection.delete())) await emptied;
  }

  #clear(chosen: (stores: Stores) => IDBObjectStore[]): Promise<void> {
    return this.#connection.run('readwrite', (stores) => {
      for (const store of chosen(stores)) store.clear();
      return () => {};
    });
  }

  async close(): Promise<void> {
    await this.flush().catch(() => {});
    this.#connection.close();
  }

  /**
   * Takes the database over: a flush of whoever had it fails from here on. A full IndexedDB takes
   * not even that; then the files can be read, and nothing can be written.
   */
  async list(): Promise<Opened[]> {
    try {
      await this.#load('readwrite');
      this.#mirror.bytesMax = BYTES_MAX;
    } catch (thrown) {
      if (nameOf(thrown) !== 'QuotaExceededError') throw thrown;
      await this.#load('readonly');
      this.#mirror.bytesMax = 0;
    }
    return this.#mirror.list();
  }

  /** Whether it could be opened for reading only. */
  get isFull(): boolean {
    return this.#mirror.bytesMax === 0;
  }

  async #load(mode: IDBTransactionMode): Promise<void> {
    const mirror = new Mirror();
    await this.#connection.run(mode, (stores, abort) => {
      const home = stores.meta.get(HOME);
      // Whoever had it before may have moved it since it was looked for.
      home.onsuccess = () => {
        if (home.result?.rung === 'opfs') abort(busy());
      };
      if (mode === 'readwrite') stores.meta.put(this.#owner, OWNER);
      load(stores, mirror);
      return () => {};
    });
    this.#mirror = mirror;
  }

  async make(name: string): Promise<Opened> {
    return this.#mirror.make(name);
  }

  async remove(name: string): Promise<void> {
    this.#mirror.remove(name);
    await this.flush();
  }

  async flush(): Promise<void> {
    const changes = takeChanges(this.#mirror);
    try {
      await this.#write((stores) => write(stores, changes));
    } catch (thrown) {
      putBack(this.#mirror, changes);
      throw thrown;
    }
  }

  /** One transaction, which leaves no trace if somebody else has taken the database over. */
  #write(change: (stores: Stores) => void): Promise<void> {
    return this.#connection.run('readwrite', (stores, abort) => {
      const owner = stores.meta.get(OWNER);
      owner.onsuccess = () => {
        if (owner.result !== this.#owner) abort(busy());
      };
      change(stores);
      return () => {};
    });
  }

  /**
   * Whether what is written can be read back, asked while nothing is there. A storage that is full
   * or fails is there all the same.
   */
  async isReliable(): Promise<boolean> {
    try {
      return await this.#connection.run('readwrite', ({ meta }) => {
        meta.put(this.#owner, OWNER);
        const found = meta.get(OWNER);
        return () => found.result === this.#owner;
      });
    } catch (thrown) {
      if (nameOf(thrown) === 'QuotaExceededError') return true;
      throw busy();
    }
  }
}

/** Reads every file into the mirror. A chunk that is missing is zeros: checksums tell. */
function load({ files, chunks }: Stores, mirror: Mirror): void {
  const cursor = files.openCursor();
  cursor.onsuccess = () => {
    const found = cursor.result;
    if (!found) return;
    const name = found.key as string;
    const file = mirror.add(name, found.value);
    for (let index = 0; index < file.chunks.length; index += BATCH) {
      const range = keysOf(name, index, index + BATCH - 1);
      const [keys, values] = [chunks.getAllKeys(range), chunks.getAll(range)];
      values.onsuccess = () => {
        values.result.forEach((content: Uint8Array, at) => {
          const [, index] = keys.result[at] as [string, number];
          file.chunks[index]?.set(content.subarray(0, file.length - index * CHUNK_BYTES));
        });
      };
    }
    found.continue();
  };
}

/** The keys of a file's chunks from one on. */
function keysOf(file: string, first: number, last = Number.POSITIVE_INFINITY): IDBKeyRange {
  return IDBKeyRange.bound([file, first], [file, last]);
}

function write({ files, chunks }: Stores, changes: Changes): void {
  for (const name of changes.removed) {
    files.delete(name);
    chunks.delete(keysOf(name, 0));
  }
  for (const { name, file, isChanged, changedChunks, cutFrom } of changes.files) {
    if (isChanged) files.put(file.length, name);
    // Before the chunks that took the place of those that were cut.
    if (cutFrom < Number.POSITIVE_INFINITY) chunks.delete(keysOf(name, cutFrom));
    for (const index of changedChunks) {
      if (index < file.chunks.length) chunks.put(file.content(index), [name, index]);
    }
  }
}

/** From here on, what changes is for the next transaction. */
function takeChanges(mirror: Mirror): Changes {
  const { removed } = mirror;
  mirror.removed = new Set();
  const files = [...mirror.files].map(([name, file]) => {
    const { isChanged, changedChunks, cutFrom } = file;
    file.isChanged = false;
    file.changedChunks = new Set();
    file.cutFrom = Number.POSITIVE_INFINITY;
    return { name, file, isChanged, changedChunks, cutFrom };
  });
  return { removed, files };
}

/** They were not written down. */
function putBack(mirror: Mirror, changes: Changes): void {
  for (const name of changes.removed) mirror.removed.add(name);
  for (const { file, isChanged, changedChunks, cutFrom } of changes.files) {
    file.isChanged ||= isChanged;
    for (const index of changedChunks) file.changedChunks.add(index);
    file.cutFrom = Math.min(file.cutFrom, cutFrom);
  }
}
