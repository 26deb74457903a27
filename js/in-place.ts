// Runs the engine in place, without a worker and in memory: in Node, Deno and Bun, for tests and
// for rendering on a server. Loads WebAssembly only when it is called.
import type { Connection } from './connection.ts';
import { HolmError, toHolmError } from './error.ts';
import { requestLock } from './locks.ts';
import { Memory } from './mirror.ts';
import { OrderedStorage } from './storage.ts';
import type { Host } from './wasm/holm_worker.js';

/** Starts the engine for a connection; the function it gives stops it for good. */
export function runInPlace(connection: Connection): () => void {
  let host: Host | undefined;
  let isStopped = false;
  const stop = () => {
    isStopped = true;
    host?.free();
    host = undefined;
    connection.detach();
  };
  const failed = (thrown: unknown) => {
    // The instance may be in any state now, so it is neither called nor freed again.
    host = undefined;
    const { message } = toHolmError(thrown);
    connection.fail(
      new HolmError('worker_failed', `The database engine failed: ${message}`, {
        details: { reason: message },
      }),
    );
  };
  const start = async () => {
    const { Host } = await load();
    if (isStopped) return;
    // Answers come in a microtask: the engine cannot be called while it is calling.
    const post = (bytes: Uint8Array) => {
      queueMicrotask(() => isStopped || connection.receive(bytes));
    };
    const memory = new Memory();
    host = new Host(post, {
      storage: new OrderedStorage(async (database) => memory.find(database)),
      requestLock,
    });
    connection.attach({
      send(bytes) {
        try {
          host?.receive(bytes);
        } catch (error) {
          failed(error);
        }
      },
      fatal: failed,
      close: stop,
    });
  };
  start().catch(failed);
  return stop;
}

async function load(): Promise<{ readonly Host: typeof Host }> {
  const wasm = await import('./wasm/holm_worker.js');
  // A name that bundlers cannot follow: builds for browsers have no such module.
  const files = 'node:fs/promises';
  const { readFile } = (await import(/* webpackIgnore: true */ /* @vite-ignore */ files)) as {
    readFile(path: URL): Promise<Uint8Array<ArrayBuffer>>;
  };
  const bytes = await readFile(new URL('./wasm/holm_worker_bg.wasm', import.meta.url));
  await wasm.default({ module_or_path: bytes });
  return wasm;
}
