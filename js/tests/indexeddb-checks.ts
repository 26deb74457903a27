// What the IndexedDB rung promises, as functions that throw where a promise is broken. They take
// the modules, so that they also run against sources with a planted bug.
import assert from 'node:assert/strict';
import { IDBFactory, IDBKeyRange, IDBObjectStore } from 'fake-indexeddb';
import { vi } from 'vitest';
import type { IndexedDb } from '../indexeddb.ts';
import type { openRung, removeRungs } from '../ladder.ts';
import type { SyncAccessHandle } from '../platform.ts';

export interface Modules {
  readonly IndexedDb: typeof IndexedDb;
  readonly openRung: typeof openRung;
  readonly removeRungs: typeof removeRungs;
}

export type Check = (modules: Modules) => Promise<void>;

export const NAME = 'films';
const LARGE = 100_000;

export const bytes = (length: number, seed: number) =>
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

export function all(handle: SyncAccessHandle): Uint8Array {
  const into = new Uint8Array(handle.getSize());
  assert.equal(handle.read(into, { at: 0 }), into.length);
  return into;
}

/** What happens to a request instead of being made; `ask` makes it. */
export type Instead = (store: IDBObjectStore, ask: () => IDBRequest) => IDBRequest;

/** Runs `job` while this happens to all requests of these kinds. */
export async function whileAsking(
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

export const refuse: Instead = () => {
  throw new DOMException('full', 'QuotaExceededError');
};

export const failsWith = (name: string) => (thrown: unknown) => (thrown as Error).name === name;

export const indexedDbChecks: Record<string, Check> = {
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

  async 'a transaction that never ends fails the flush'(modules) {
    const one = await opened(modules);
    const { handle } = await one.make('a');
    handle.write(bytes(LARGE, 1), { at: 0 });
    const goOn: Instead = (store, ask) => {
      const request = ask();
      request.onsuccess = () => {
        goOn(store, () => store.count());
      };
      return request;
    };
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    await whileAsking(['put'], goOn, async () => {
      const failed = assert.rejects(one.flush(), failsWith('NoModificationAllowedError'));
      await new Promise((resolve) => setTimeout(resolve, 5));
      vi.advanceTimersByTime(30_000);
      const late = new Promise((_, fail) => setTimeout(fail, 500, new Error('it still waits')));
      await Promise.race([failed, late]);
    }).finally(() => vi.useRealTimers());
    await one.flush();
    assert.deepEqual(await contentOf(modules), { a: bytes(LARGE, 1) });
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

export function keysOf(store: string): Promise<unknown> {
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
