// Runs the engine in place, without a worker: in Node, Deno and Bun, for servers, tests and
// rendering. In memory, or over files where a directory is given. Loads WebAssembly and Node's
// modules only when it is called.
import type { Connection } from './connection.ts';
import { HolmError, toHolmError, withStack } from './error.ts';
import { isHeld, lockFolder, type NodeModules } from './file-lock.ts';
import { FolderOfFiles, pathOf } from './files.ts';
import { requestLock } from './locks.ts';
import { Memory } from './mirror.ts';
import type { Platform } from './platform.ts';
import { type Hindrance, removeUnderLock } from './remove.ts';
import { OrderedStorage } from './storage.ts';
import type { Host } from './wasm/holm_worker.js';

/** What is used of Node beside what the lock is made of. */
interface Node extends NodeModules {
  readonly path: { resolve(path: string): string };
}

/** Starts the engine for a connection; the function it gives stops it for good. */
export function runInPlace(connection: Connection, directory?: string): () => void {
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
    const message = withStack(thrown);
    connection.fail(
      new HolmError('worker_failed', `The database engine failed: ${message}`, {
        details: { reason: message },
      }),
    );
  };
  const start = async () => {
    const { Host } = await loadEngine();
    const denied = (reason: unknown) => connection.fail(lockDenied(reason));
    const platform = directory ? onFiles(await loadNode(), directory, denied) : inMemory();
    if (isStopped) return;
    // Answers come in a microtask: the engine cannot be called while it is calling.
    const post = (bytes: Uint8Array) => {
      queueMicrotask(() => isStopped || connection.receive(bytes));
    };
    host = new Host(post, platform);
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

/** Removes a database. Without a directory there is nothing that could be removed. */
export async function removeInPlace(database: string, directory?: string): Promise<Hindrance> {
  if (!directory) return null;
  const node = await loadNode();
  const { requestLock } = onFiles(node, directory, () => {});
  return removeUnderLock(database, requestLock, async () => {
    node.fs.rmSync(pathOf(node.path.resolve(directory), database), RECURSIVELY);
  });
}

const RECURSIVELY = { recursive: true, force: true } as const;

function inMemory(): Platform {
  const memory = new Memory();
  return { storage: new OrderedStorage(async (database) => memory.find(database)), requestLock };
}

/** Each database in a folder of the directory, for one process. */
function onFiles(node: Node, directory: string, denied: (reason: unknown) => void): Platform {
  const root = node.path.resolve(directory);
  const find = async (database: string) => new FolderOfFiles(node.fs, root, database);
  return {
    storage: new OrderedStorage(find),
    requestLock(database, told) {
      const folder = pathOf(root, database);
      node.fs.mkdirSync(folder, RECURSIVELY);
      return lockFolder(node, folder, () => told(true), denied);
    },
  };
}

function lockDenied(thrown: unknown): HolmError {
  const reason = toHolmError(thrown).message;
  return isHeld(thrown)
    ? new HolmError(
        'database_in_use',
        'Another process has this database open, and only one can. Close it there and try again.',
        { retryable: true },
      )
    : new HolmError('storage_failed', `The directory could not be locked: ${reason}.`, {
        details: { reason },
      });
}

/** By a name that bundlers cannot follow: builds for browsers have no such modules. */
const load = (name: string) => import(/* webpackIgnore: true */ /* @vite-ignore */ `node:${name}`);

async function loadNode(): Promise<Node> {
  const [fs, net, path, process] = await Promise.all(['fs', 'net', 'path', 'process'].map(load));
  return { fs, net, path, process: process.default };
}

async function loadEngine(): Promise<{ readonly Host: typeof Host }> {
  const wasm = await import('./wasm/holm_worker.js');
  const { readFile } = await load('fs/promises');
  const bytes = await readFile(new URL('./wasm/holm_worker_bg.wasm', import.meta.url));
  wasm.initSync({ module: await WebAssembly.compile(bytes) });
  return wasm;
}
