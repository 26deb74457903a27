// One exclusive lock per database: Web Locks, shared by all tabs and workers of the origin, where
// there are any (not in Node before 24), else a queue among the engines of this process.
import type { Platform } from './platform.ts';

type RequestLock = Platform['requestLock'];

/** See `Platform`. The form of a lock's name is frozen: other versions ask for the same. */
export const requestLock: RequestLock = (database, told) => {
  const name = `holm:${database}`;
  return globalThis.navigator?.locks ? webLock(name, told) : processLock(name, told);
};

const webLock: RequestLock = (name, told) => {
  const leaving = new AbortController();
  let isOver = false;
  let release = () => leaving.abort();
  const tell = (isHeld: boolean) => {
    if (!isOver) told(isHeld);
  };
  // In a task of its own, so that what the engine throws is not taken for a lost lock.
  const granted = () => {
    queueMicrotask(() => tell(true));
    return new Promise<void>((resolve) => {
      release = resolve;
      if (isOver) resolve();
    });
  };
  navigator.locks.request(name, { signal: leaving.signal }, granted).catch(() => {
    tell(false);
    isOver = true;
  });
  return () => {
    isOver = true;
    release();
  };
};

/** Everybody who wants a lock, in order of asking. The first has it. */
const queues = new Map<string, Array<() => void>>();

const processLock: RequestLock = (name, told) => {
  let isOver = false;
  const granted = () => queueMicrotask(() => isOver || told(true));
  const queue = queues.get(name) ?? [];
  queues.set(name, queue);
  queue.push(granted);
  if (queue.length === 1) granted();
  return () => {
    isOver = true;
    const wasHolder = queue[0] === granted;
    queue.splice(queue.indexOf(granted), 1);
    if (wasHolder) queue[0]?.();
    if (queue.length === 0) queues.delete(name);
  };
};
