import { IDBObjectStore } from 'fake-indexeddb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { IndexedDb } from '../indexeddb.ts';
import { openRung, removeRungs } from '../ladder.ts';
import { indexedDbChecks } from './indexeddb-checks.ts';
import { freshBrowser, ladderChecks } from './ladder-checks.ts';

beforeEach(freshBrowser);
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const modules = { IndexedDb, openRung, removeRungs };

describe('the IndexedDB rung', () => {
  for (const [name, check] of Object.entries(indexedDbChecks)) it(name, () => check(modules));
});

describe('the storage ladder', () => {
  for (const [name, check] of Object.entries(ladderChecks)) it(name, () => check(modules));
});

const busy = { name: 'NoModificationAllowedError' };

describe('opening IndexedDB', () => {
  it('is given up where nothing answers', async () => {
    vi.useFakeTimers();
    vi.stubGlobal('indexedDB', { open: () => ({}) });
    const refused = expect(IndexedDb.open('films')).rejects.toMatchObject(busy);
    await vi.advanceTimersByTimeAsync(4_000);
    await refused;
  });

  it('is refused as busy where another tab holds it', async () => {
    const request: { onblocked?: () => void } = {};
    vi.stubGlobal('indexedDB', { open: () => request });
    const refused = expect(IndexedDb.open('films')).rejects.toMatchObject(busy);
    request.onblocked?.();
    await refused;
  });

  it('is not tried where it is missing or forbidden', async () => {
    vi.stubGlobal('indexedDB', undefined);
    expect(await IndexedDb.open('films')).toBeUndefined();
    const forbidden = () => {
      throw new DOMException('no', 'SecurityError');
    };
    vi.stubGlobal('indexedDB', { open: forbidden });
    expect(await IndexedDb.open('films')).toBeUndefined();
  });
});

describe('removing a database in IndexedDB', () => {
  it('does not wait for the connection of a worker that was killed', async () => {
    const one = await IndexedDb.open('films');
    await one?.setHome({ rung: 'indexeddb', moves: 0 });
    const left = await IndexedDb.open('films');
    expect(left?.home).toBeDefined();
    // That of a killed worker hears of nothing.
    const killed = await new Promise<IDBDatabase>((resolve) => {
      const request = indexedDB.open('holm:films');
      request.onsuccess = () => resolve(request.result);
    });
    await one?.delete();
    const keys = killed.transaction('meta').objectStore('meta').getAllKeys();
    await new Promise((resolve) => {
      keys.onsuccess = resolve;
    });
    expect(keys.result).toEqual([]);
    killed.close();
    expect((await IndexedDb.open('films'))?.home).toBeUndefined();
  });

  it('needs no room', async () => {
    const one = await IndexedDb.open('films');
    await one?.setHome({ rung: 'indexeddb', moves: 0 });
    const clear = vi.spyOn(IDBObjectStore.prototype, 'clear').mockImplementation(() => {
      throw new DOMException('', 'QuotaExceededError');
    });
    await one?.delete();
    clear.mockRestore();
    expect((await IndexedDb.open('films'))?.home).toBeUndefined();
  });

  it('is refused as busy where nothing answers', async () => {
    const one = await IndexedDb.open('films');
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    const real = indexedDB;
    vi.stubGlobal('indexedDB', {
      open: (name: string, version: number) => real.open(name, version),
      deleteDatabase: () => ({}),
    });
    const refused = expect(one?.delete()).rejects.toMatchObject(busy);
    await vi.waitFor(() => expect(vi.getTimerCount()).toBeGreaterThan(0));
    await vi.advanceTimersByTimeAsync(4_000);
    await refused;
  });
});
