// Runs the engine in a dedicated worker of this page, and is the one file that knows of pages:
// being hidden, frozen, kept for the back button, offline.
//
// The page gives the engine up, the worker cannot: a frozen worker would keep the lock and the
// files from every other page. So the worker is terminated when the page is frozen or left, and
// a new one starts when it comes back; the connection carries everything over. Only an engine
// that keeps its data in memory is left alone, because the data would go with it.
import type { Connection } from './connection.ts';
import { HolmError, throwLater, withStack } from './error.ts';
import type { Hindrance } from './remove.ts';
import { unpack } from './unpack.ts';

/** Restarts within a minute after which a worker that fails again is given up. */
const RESTARTS_MAX = 3;
const RESTARTS_WINDOW_MS = 60_000;

/** Starts the engine for a connection; the function it gives stops it for good. */
export function runInPage(connection: Connection): () => void {
  const engine = new PageEngine(connection);
  const listening = new AbortController();
  const listen = (target: EventTarget | undefined, handlers: Record<string, () => void>) => {
    for (const [type, handler] of Object.entries(handlers)) {
      target?.addEventListener(type, handler, { signal: listening.signal });
    }
  };
  const leave = () => engine.leave();
  const start = () => engine.start();
  const tellNetwork = () => {
    const visible = typeof document === 'undefined' || document.visibilityState === 'visible';
    connection.setNetwork({ online: navigator.onLine, visible });
  };
  listen(globalThis, { pagehide: leave, pageshow: start });
  listen(globalThis, { online: tellNetwork, offline: tellNetwork });
  listen(globalThis.document, { freeze: leave, resume: start, visibilitychange: tellNetwork });
  tellNetwork();
  start();
  return () => {
    listening.abort();
    engine.stop();
  };
}

/** Removes a database, in a worker of its own. */
export async function removeInPage(database: string): Promise<Hindrance> {
  const worker = startWorker();
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = ({ message }) => reject(workerFailed(message, 'Try again.'));
      worker.postMessage(database);
    });
  } finally {
    worker.terminate();
  }
}

let compiled: Promise<WebAssembly.Module | ArrayBuffer> | undefined;

/**
 * The engine's module: compiled while its worker starts, and once for all workers of this page.
 * As it was loaded where only workers may compile.
 */
function compile(): Promise<WebAssembly.Module | ArrayBuffer> {
  compiled ??= load();
  compiled.catch(() => {
    compiled = undefined;
  });
  return compiled;
}

async function load(): Promise<WebAssembly.Module | ArrayBuffer> {
  const response = await fetch(new URL('./wasm/holm_worker_bg.packed.wasm', import.meta.url));
  if (!response.ok) throw new Error(`${response.status} for ${response.url}`);
  const packed = await response.arrayBuffer();
  return unpack(packed).catch(() => packed);
}

/** One expression, in this form: bundlers look for it. */
const startWorker = () => new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });

/** The worker of the moment, and what happens when it goes. */
class PageEngine {
  readonly #connection: Connection;
  #worker: Worker | undefined;
  /** Aborted when the worker is given up. */
  #gone: AbortController | undefined;
  /** When workers failed, in the last minute. */
  #failures: number[] = [];

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  start(): void {
    if (this.#worker) return;
    const worker = startWorker();
    this.#worker = worker;
    // A worker that was given up may still have messages on the way.
    const whileCurrent = (then: () => void) => {
      if (this.#worker === worker) then();
    };
    const failed = (message: string) => whileCurrent(() => this.#failed(message));
    const gone = new AbortController();
    this.#gone = gone;
    /** A worker can end without a word, when memory is short. Then the lock that it has is free. */
    const watch = (lock: string) =>
      navigator.locks
        .request(lock, { signal: gone.signal }, () => failed('it has ended'))
        .catch(() => {});
    worker.onmessage = ({ data }) =>
      whileCurrent(() => (typeof data === 'string' ? watch(data) : this.#connection.receive(data)));
    worker.onmessageerror = () => failed('a message could not be read');
    worker.onerror = (event) => {
      event.preventDefault(); // `failed` reports it
      failed(event.message || 'the worker could not be loaded');
    };
    compile().then(
      (module) => worker.postMessage(module),
      (thrown) => failed(withStack(thrown)),
    );
    this.#connection.attach({
      send: (bytes) => worker.postMessage(bytes, [bytes.buffer as ArrayBuffer]),
      fatal: failed,
      close: () => whileCurrent(() => this.stop()),
    });
  }

  stop(): void {
    this.#gone?.abort();
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#connection.detach();
  }

  /** The page is frozen or left. */
  leave(): void {
    if (this.#connection.storage !== 'memory') this.stop();
  }

  /** A worker that fails is a defect: it is reported, also where the next one carries on. */
  #failed(message: string): void {
    this.stop();
    const now = Date.now();
    this.#failures = [...this.#failures.filter((time) => now - time < RESTARTS_WINDOW_MS), now];
    if (this.#connection.storage === 'memory') {
      const next = 'Its data was in memory only and is gone; reload the page.';
      this.#connection.fail(workerFailed(message, next));
    } else if (this.#failures.length > RESTARTS_MAX) {
      const next = 'It was restarted several times; reload the page, and report this if it stays.';
      this.#connection.fail(workerFailed(message, next));
    } else {
      throwLater(workerFailed(message, 'It was restarted and nothing saved is lost; report this.'));
      this.start();
    }
  }
}

function workerFailed(message: string, next: string): HolmError {
  return new HolmError('worker_failed', `The database engine failed: ${message}. ${next}`, {
    details: { reason: message },
  });
}
