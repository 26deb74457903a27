// What the IndexedDB rung and the ladder promise, as functions that throw where a promise is
// broken. They take the modules, so that they also run against sources with a planted bug.
import assert from 'node:assert/strict';
import { IDBFactory, IDBKeyRange, IDBObjectStore } from 'fake-indexeddb';
import type { IndexedDb } from '../indexeddb.ts';
import type { Folders } from '../opfs.ts';
import type { SyncAccessHandle } from '../platform.ts';
import type { Home, Rung } from '../rung.ts';

export interface Modules {
  readonly IndexedDb: typeof IndexedDb;
  readonly findRung: (opfs: Folders | undefined, database: string) => Promise<Rung>;
}

type Check = (modules: Modules) => Promise<void>;

const NAME = 'films';
const LARGE = 100_000;

const bytes = (length: number, seed: number) =>
  Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8) + seed) & 255);

/** A new, empty IndexedDB for everybody. */
export function freshIndexedDb(): void {
  Object.assign(globalThis, { indexedDB: new IDBFactory(), IDBKeyRange });
}

async function opened({ IndexedDb }: Modules): Promise<IndexedDb> {
  const one = await IndexedDb.open(NAME);
  assert.ok(one, 'IndexedDB can be used');
  await one.list();
  return one;
}

async function contentOf(modules: Modules): Promise<Record<string, Uint8Array>> {
  const one = await modules.IndexedDb.open(NAME);
  const files = (await one?.list()) ?? [];
  await one?.close();
  return Object.fromEntries(files.map(({ name, handle }) => [name, all(handle)]));
}

function all(handle: SyncAccessHandle): Uint8Array {
  const into = new Uint8Array(handle.getSize());
  assert.equal(handle.read(into, { at: 0 }), into.length);
  return into;
}

/** What happens to a request instead of being made; `ask` makes it. */
type Instead = (store: IDBObjectStore, ask: () => IDBRequest) => IDBRequest;

/** Runs `job` while this happens to all requests of these kinds. */
async function whileAsking(
  kinds: readonly ('delete' | 'get' | 'put')[],
  instead: Instead,
  job: () => Promise<void>,
): Promise<void> {
  const real = kinds.map((kind) => [kind, IDBObjectStore.prototype[kind]] as const);
  for (const [kind, method] of real) {
    IDBObjectStore.prototype[kind] = function (...args: never[]) {
      return instead(this, () => Reflect.apply(method, this, args)) as never;
    };
  }
  await job().finally(() => Object.assign(IDBObjectStore.prototype, Object.fromEntries(real)));
}

const refuse: Instead = () => {
  throw new DOMException('full', 'QuotaExceededError');
};

const failsWith = (name: string) => (thrown: unknown) => (thrown as Error).name === name;

/** The IndexedDB rung. */
const rung: Record<string, Check> = {
  async 'what was flushed is there, what was not is not'(modules) {
    const one = await opened(modules);
    const { handle } = await one.make('a');
    handle.write(bytes(LARGE, 1), { at: 0 });
    await one.flush();
    handle.write(bytes(10, 2), { at: 5 });
    await one.flush();
    handle.write(bytes(10, 3), { at: LARGE });
    const wanted = bytes(LARGE, 1);
    wanted.set(bytes(10, 2), 5);
    assert.deepEqual(await contentOf(modules), { a: wanted });
  },

  async 'a file that was cut and has grown again is as it was written'(modules) {
    const one = await opened(modules);
    const { handle } = await one.make('a');
    handle.write(bytes(LARGE, 1), { at: 0 });
    await one.flush();
    handle.truncate(40_000);
    handle.write(bytes(30_000, 2), { at: 50_000 });
    await one.flush();
    const wanted = new Uint8Array(80_000);
    wanted.set(bytes(LARGE, 1).subarray(0, 40_000));
    wanted.set(bytes(30_000, 2), 50_000);
    assert.deepEqual(await contentOf(modules), { a: wanted });
    handle.truncate(7);
    assert.deepEqual(all(handle), wanted.slice(0, 7));
  },

  async 'a cut leaves no chunk behind'(modules) {
    const one = await opened(modules);
    const { handle } = await one.make('a');
    handle.write(bytes(LARGE, 1), { at: 0 });
    await one.flush();
    handle.truncate(7);
    await one.flush();
    await one.close();
    assert.deepEqual(await keysOf('chunks'), [['a', 0]]);
  },

  async 'a removed file is gone, and can be made again'(modules) {
    const one = await opened(modules);
    for (const name of ['a', 'b']) {
      (await one.make(name)).handle.write(bytes(LARGE, 1), { at: 0 });
    }
    await one.flush();
    await one.remove('a');
    await one.remove('b');
    const { handle } = await one.make('b');
    handle.write(bytes(3, 2), { at: 0 });
    await one.flush();
    assert.deepEqual(await contentOf(modules), { b: bytes(3, 2) });
    assert.deepEqual(await keysOf('chunks'), [['b', 0]]);
  },

  async 'a flush whose transaction is aborted at its end fails'(modules) {
    const one = await opened(modules);
    (await one.make('a')).handle.write(bytes(LARGE, 1), { at: 0 });
    let underWay = 0;
    // As late as it can be: when every request has succeeded.
    const abortLast: Instead = ({ transaction }, ask) => {
      const request = ask();
      underWay += 1;
      request.addEventListener('success', () => {
        underWay -= 1;
        if (underWay === 0) transaction.abort();
      });
      return request;
    };
    await whileAsking(['delete', 'get', 'put'], abortLast, () => {
      return assert.rejects(one.flush(), /aborted/);
    });
    assert.deepEqual(await contentOf(modules), {});
  },

  async 'a full storage fails the flush, and nothing is forgotten'(modules) {
    const one = await opened(modules);
    const { handle } = await one.make('a');
    handle.write(bytes(LARGE, 1), { at: 0 });
    await one.flush();
    handle.truncate(50_000);
    handle.write(bytes(LARGE, 2), { at: 50_000 });
    await one.make('b');
    const full = failsWith('QuotaExceededError');
    await whileAsking(['put'], refuse, () => assert.rejects(one.flush(), full));
    await one.flush();
    const wanted = new Uint8Array(150_000);
    wanted.set(bytes(LARGE, 1));
    wanted.set(bytes(LARGE, 2), 50_000);
    assert.deepEqual(await contentOf(modules), { a: wanted, b: new Uint8Array() });
  },

  async 'a full storage opens for reading'(modules) {
    const one = await opened(modules);
    (await one.make('a')).handle.write(bytes(9, 1), { at: 0 });
    await one.flush();
    await whileAsking(['put'], refuse, async () => {
      const other = await opened(modules);
      const [file] = await other.list();
      assert.deepEqual(all(file?.handle as SyncAccessHandle), bytes(9, 1));
      assert.equal(file?.handle.write(bytes(1, 1), { at: 9 }), 0);
      assert.equal((await other.make('b')).handle.write(bytes(1, 1), { at: 0 }), 0);
    });
  },

  async 'whoever had the database before can flush nothing'(modules) {
    const one = await opened(modules);
    const { handle } = await one.make('a');
    handle.write(bytes(LARGE, 1), { at: 0 });
    await one.flush();
    const other = await opened(modules);
    handle.write(bytes(LARGE, 2), { at: 0 });
    await assert.rejects(one.flush(), failsWith('NoModificationAllowedError'));
    await one.remove('a').catch(() => {});
    await other.flush();
    assert.deepEqual(await contentOf(modules), { a: bytes(LARGE, 1) });
  },

  async 'a connection that is lost is opened again, three times'(modules) {
    const one = await opened(modules);
    const { handle } = await one.make('a');
    const { open } = indexedDB;
    let openings = 0;
    indexedDB.open = (...args) => {
      openings += 1;
      const request = open.apply(indexedDB, args);
      if (openings < 4) request.addEventListener('success', () => request.result.close());
      return request;
    };
    const lose: Instead = ({ transaction }, ask) => {
      transaction.db.close();
      return ask();
    };
    handle.write(bytes(5, 1), { at: 0 });
    // The one that is open is closed with its first request, which does not end it.
    await whileAsking(['put'], lose, () => one.flush());
    handle.write(bytes(5, 2), { at: 5 });
    await assert.rejects(one.flush(), failsWith('InvalidStateError'));
    assert.equal(openings, 3);
    await one.flush();
    assert.deepEqual(await contentOf(modules), {
      a: Uint8Array.of(...bytes(5, 1), ...bytes(5, 2)),
    });
  },

  async 'a database that is deleted under it takes no flush'(modules) {
    const one = await opened(modules);
    await one.make('a');
    await one.flush();
    await new Promise((done, fail) => {
      const request = indexedDB.deleteDatabase(`holm:${NAME}`);
      request.onsuccess = done;
      request.onblocked = () => fail(new Error('it is held'));
    });
    await assert.rejects(one.flush(), failsWith('NoModificationAllowedError'));
  },
};

function keysOf(store: string): Promise<unknown> {
  return new Promise((resolve) => {
    const request = indexedDB.open(`holm:${NAME}`);
    request.onsuccess = () => {
      const keys = request.result.transaction(store).objectStore(store).getAllKeys();
      keys.onsuccess = () => {
        request.result.close();
        resolve(keys.result);
      };
    };
  });
}

/** An OPFS of which the ladder sees the homes only. */
class OnlyHomes {
  readonly kind = 'opfs';
  record: (Home & { readonly isShared?: boolean }) | undefined;
  writesLeft = Number.POSITIVE_INFINITY;

  async home() {
    return this.record;
  }

  async setHome(home: Home) {
    if (this.writesLeft === 0) throw new Error('stopped');
    this.writesLeft -= 1;
    this.record = home;
  }
}

const asFolders = (homes: OnlyHomes) => homes as unknown as Folders;

/** A browser whose IndexedDB is there and does not open. */
function breakIndexedDb(): void {
  indexedDB.open = () => {
    const request = { error: new DOMException('internal', 'UnknownError') } as IDBOpenDBRequest;
    queueMicrotask(() => request.onerror?.(new Event('error')));
    return request;
  };
}

const isBusy = failsWith('NoModificationAllowedError');

/** The ladder. */
const ladder: Record<string, Check> = {
  async 'the highest rung that works gets a new database'({ findRung }) {
    assert.equal((await findRung(asFolders(new OnlyHomes()), NAME)).kind, 'opfs');
    assert.equal((await findRung(undefined, 'other')).kind, 'indexeddb');
    Reflect.deleteProperty(globalThis, 'indexedDB');
    assert.equal((await findRung(undefined, 'third')).kind, 'memory');
  },

  async 'a higher rung that is missing is not replaced by an empty lower one'({ findRung }) {
    await findRung(asFolders(new OnlyHomes()), NAME);
    await assert.rejects(findRung(undefined, NAME), isBusy);
  },

  async 'a database stays in IndexedDB where OPFS appears later'({ findRung }) {
    const homes = new OnlyHomes();
    await findRung(undefined, NAME);
    assert.equal((await findRung(asFolders(homes), NAME)).kind, 'indexeddb');
    assert.deepEqual(homes.record, { rung: 'indexeddb', moves: 0, isShared: true });
    Object.assign(globalThis, { indexedDB: undefined });
    await assert.rejects(findRung(asFolders(homes), NAME), isBusy);
  },

  async 'a rung that has lost the database is told from a new one'({ findRung }) {
    const homes = new OnlyHomes();
    homes.record = { rung: 'indexeddb', moves: 0, isShared: true };
    await assert.rejects(findRung(asFolders(homes), NAME), /is gone/);
    freshIndexedDb();
    await findRung(asFolders(new OnlyHomes()), NAME);
    await assert.rejects(findRung(asFolders(new OnlyHomes()), NAME), /is gone/);
  },

  async 'an IndexedDB that does not open hides nothing'({ findRung }) {
    const homes = new OnlyHomes();
    breakIndexedDb();
    await assert.rejects(findRung(undefined, NAME), isBusy);
    await assert.rejects(findRung(asFolders(homes), NAME), isBusy);
    homes.record = { rung: 'opfs', moves: 0, isShared: false };
    assert.equal((await findRung(asFolders(homes), NAME)).kind, 'opfs');
  },

  async 'of two homes the one after more moves counts'({ findRung }) {
    const homes = new OnlyHomes();
    await findRung(undefined, NAME);
    homes.record = { rung: 'opfs', moves: 1, isShared: false };
    assert.equal((await findRung(asFolders(homes), NAME)).kind, 'opfs');
    await assert.rejects(findRung(undefined, NAME), isBusy);
  },

  async 'a crash while the home is written down changes nothing'({ findRung }) {
    for (let writes = 0; writes < 3; writes += 1) {
      freshIndexedDb();
      const homes = new OnlyHomes();
      homes.writesLeft = writes;
      await findRung(asFolders(homes), NAME).catch(() => {});
      homes.writesLeft = Number.POSITIVE_INFINITY;
      assert.equal((await findRung(asFolders(homes), NAME)).kind, 'opfs');
      await assert.rejects(findRung(undefined, NAME), isBusy);
    }
  },
};

export const checks: Record<string, Check> = { ...rung, ...ladder };
