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
  async function removing() {
    const one = await IndexedDb.open('films');
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    const request: { onblocked?: () => void; onsuccess?: () => void } = {};
    vi.stubGlobal('indexedDB', { deleteDatabase: () => request });
    const removed = one?.delete();
    request.onblocked?.();
    return { request, removed };
  }

  it('waits for the connection of a worker that was killed', async () => {
    const { request, removed } = await removing();
    await vi.advanceTimersByTimeAsync(3_999);
    request.onsuccess?.();
    await removed;
  });

  it('is refused as busy where a connection stays', async () => {
    const refused = expect((await removing()).removed).rejects.toMatchObject(busy);
    await vi.advanceTimersByTimeAsync(4_000);
    await refused;
  });
});
