// @vitest-environment jsdom
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Database, openDatabase } from '../client.ts';
import { runInPage } from '../page.ts';
import { films, HEALTHY, type Received, readMessage } from './scripted-engine.ts';

/** A worker whose answers the test can stop, and which it can break. */
class BreakableWorker {
  static readonly all: BreakableWorker[] = [];
  static storage: 'opfs' | 'memory' = 'opfs';
  static silent = new Set<string>();
  onmessage: ((event: { data: Uint8Array | string }) => void) | null = null;
  onerror: ((event: object) => void) | null = null;
  onmessageerror: (() => void) | null = null;
  terminated = false;
  readonly requests: Received[] = [];
  /** The engine, compiled or as it was loaded: given once to each worker. */
  readonly modules: (WebAssembly.Module | ArrayBuffer)[] = [];

  constructor(
    readonly url: URL,
    readonly options: object,
  ) {
    BreakableWorker.all.push(this);
  }

  postMessage(
    bytes: Uint8Array | WebAssembly.Module | ArrayBuffer,
    transfer?: ArrayBuffer[],
  ): void {
    if (!(bytes instanceof Uint8Array)) {
      this.modules.push(bytes);
      return;
    }
    expect(transfer).toEqual([bytes.buffer]);
    const { requests } = readMessage(bytes);
    this.requests.push(...requests);
    const storage = { ...HEALTHY.storage, kind: BreakableWorker.storage };
    const replies = requests
      .filter(({ kind }) => !BreakableWorker.silent.has(kind))
      .map(({ number, kind }) => {
        const ok = kind === 'open' ? { status: { ...HEALTHY, storage } } : { entry: number };
        return { kind: 'reply', number, ok };
      });
    queueMicrotask(() => this.terminated || this.say(...replies));
  }

  say(...messages: readonly object[]): void {
    this.onmessage?.({ data: new TextEncoder().encode(JSON.stringify({ messages })) });
  }

  crash(message: string): void {
    this.onerror?.({ message, preventDefault() {} });
  }

  terminate(): void {
    this.terminated = true;
  }
}

const PACKED = readFileSync('dist/wasm/holm_worker_bg.packed.wasm');
const workers = BreakableWorker.all;
const last = () => workers.at(-1) as BreakableWorker;
const kinds = () => last().requests.map(({ kind }) => kind);
const turn = () => vi.waitFor(() => expect(kinds().length).toBeGreaterThan(1));
let db: Database<typeof films>;

/** Errors that were thrown where nobody catches them, taken from the test runner for a test. */
const reported: Error[] = [];
let others: NodeJS.UncaughtExceptionListener[] = [];

async function open() {
  db = await openDatabase({ name: 'test', schema: films }, runInPage);
  await turn();
}

beforeEach(() => {
  reported.length = 0;
  others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => reported.push(error));
  workers.length = 0;
  BreakableWorker.storage = 'opfs';
  BreakableWorker.silent = new Set();
  vi.stubGlobal('Worker', BreakableWorker);
  vi.stubGlobal('fetch', async () => new Response(PACKED));
});

afterEach(async () => {
  BreakableWorker.silent = new Set();
  await db?.close();
  process.removeAllListeners('uncaughtException');
  for (const listener of others) process.on('uncaughtException', listener);
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  Reflect.deleteProperty(navigator, 'locks');
});

it('gives its worker what it has loaded where only workers may compile', async () => {
  vi.resetModules();
  const { runInPage } = await import('../page.ts');
  vi.spyOn(WebAssembly, 'instantiate').mockRejectedValue(new Error('not allowed'));
  db = await openDatabase({ name: 'test', schema: films }, runInPage);
  await vi.waitFor(() => expect(last().modules.length).toBe(1));
  expect(new Uint8Array(last().modules[0] as ArrayBuffer)).toEqual(new Uint8Array(PACKED));
});

it('starts one module worker and tells it of the network', async () => {
  await open();
  expect(workers.length).toBe(1);
  expect(last().url.pathname).toMatch(/\/worker\.[jt]s$/);
  expect(last().options).toEqual({ type: 'module' });
  expect(last().requests[1]).toMatchObject({ kind: 'network', online: true, visible: true });
  await vi.waitFor(() => expect(last().modules.length).toBe(1));
  vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false);
  window.dispatchEvent(new Event('offline'));
  await vi.waitFor(() => expect(last().requests.at(-1)).toMatchObject({ online: false }));
  vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden');
  document.dispatchEvent(new Event('visibilitychange'));
  await vi.waitFor(() => expect(last().requests.at(-1)).toMatchObject({ visible: false }));
});

it.each([
  ['pagehide', 'pageshow', window],
  ['freeze', 'resume', document],
] as const)(
  '%s ends the worker, %s starts another and carries over',
  async (leave, back, target) => {
    await open();
    BreakableWorker.silent.add('write');
    const write = db.mutate.people.insert({ name: 'a' });
    await vi.waitFor(() => expect(kinds()).toContain('write'));
    const asked = last().requests.find(({ kind }) => kind === 'write');
    BreakableWorker.silent.clear();
    target.dispatchEvent(new Event(leave));
    expect(last().terminated).toBe(true);
    target.dispatchEvent(new Event(leave));
    expect(workers.length).toBe(1);
    target.dispatchEvent(new Event(back));
    target.dispatchEvent(new Event(back));
    expect(workers.length).toBe(2);
    await write.saved;
    expect(kinds()).toEqual(['open', 'network', 'write']);
    expect(last().requests[2]).toEqual(asked);
  },
);

it('a worker that keeps its data in memory is left alone', async () => {
  BreakableWorker.storage = 'memory';
  await open();
  window.dispatchEvent(new Event('pagehide'));
  document.dispatchEvent(new Event('freeze'));
  expect(last().terminated).toBe(false);
  const write = db.mutate.people.insert({ name: 'a' });
  await write.saved;
  last().crash('assertion failed');
  expect(workers.length).toBe(1);
  expect(db.status.storage).toMatchObject({ state: 'failed' });
  await expect(db.query.people.get()).rejects.toMatchObject({ code: 'worker_failed' });
});

it('a worker that fails is started again, three times within a minute', async () => {
  await open();
  const clock = vi.spyOn(Date, 'now').mockReturnValue(1_000);
  const [first] = workers;
  last().crash('one');
  first?.crash('one, said twice');
  expect(workers.length).toBe(2);
  await turn();
  last().say({ kind: 'fatal', message: 'two' });
  await turn();
  last().onmessageerror?.();
  await turn();
  expect(workers.length).toBe(4);
  await vi.waitFor(() => expect(reported.length).toBe(3));
  expect(reported[0]).toMatchObject({ code: 'worker_failed', details: { reason: 'one' } });
  expect(workers.slice(0, 3).every(({ terminated }) => terminated)).toBe(true);
  clock.mockReturnValue(62_000);
  last().crash('a minute later');
  await turn();
  expect(workers.length).toBe(5);
  for (const message of ['two', 'three']) {
    last().crash(message);
    await turn();
  }
  BreakableWorker.silent.add('write');
  const write = db.mutate.people.insert({ id: 'p', name: 'a' });
  last().crash('four');
  expect(workers.length).toBe(7);
  expect(last().terminated).toBe(true);
  await expect(write.saved).rejects.toMatchObject({
    code: 'worker_failed',
    message: expect.stringContaining('four'),
    details: { operations: [{ op: 'insert', id: 'p', fields: { name: 'a' } }] },
  });
});

it('a worker that ends without a word is missed, by the lock that it had', async () => {
  const asked: { name: string; signal: AbortSignal; grant: () => void }[] = [];
  const request = (name: string, { signal }: { signal: AbortSignal }, grant: () => void) => {
    asked.push({ name, signal, grant });
    return new Promise(() => {});
  };
  Object.defineProperty(navigator, 'locks', { value: { request }, configurable: true });
  await open();
  last().onmessage?.({ data: 'holm-worker:1' });
  const write = db.mutate.people.insert({ name: 'a' });
  expect(asked.map(({ name }) => name)).toEqual(['holm-worker:1']);
  asked[0]?.grant();
  expect(workers.length).toBe(2);
  await write.saved;
  await vi.waitFor(() => expect(reported.length).toBe(1));
  expect(reported[0]).toMatchObject({ code: 'worker_failed', details: { reason: 'it has ended' } });
  last().onmessage?.({ data: 'holm-worker:2' });
  expect(asked[1]?.signal.aborted).toBe(false);
  window.dispatchEvent(new Event('pagehide'));
  expect(asked[1]?.signal.aborted).toBe(true);
  asked[1]?.grant();
  expect(workers.length).toBe(2);
});

it('what a worker says after it was given up is not heard', async () => {
  await open();
  const [old] = workers;
  const rows = db.query.people.get();
  window.dispatchEvent(new Event('pagehide'));
  old?.say({ kind: 'reply', number: 3, ok: { rows: [['x', 'stale']] } });
  window.dispatchEvent(new Event('pageshow'));
  expect(await rows).toEqual([]);
});

it('close ends the worker, and nothing starts another', async () => {
  await open();
  await db.close();
  expect(last().terminated).toBe(true);
  window.dispatchEvent(new Event('pageshow'));
  expect(workers.length).toBe(1);
});
