import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { IndexedDb } from '../indexeddb.ts';
import { findRung } from '../ladder.ts';
import { checks, freshIndexedDb } from './indexeddb-checks.ts';

beforeEach(freshIndexedDb);
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe('the storage ladder below OPFS', () => {
  for (const [name, check] of Object.entries(checks)) {
    it(name, () => check({ IndexedDb, findRung }));
  }
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
