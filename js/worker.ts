// Entry of the dedicated worker: passes bytes between the page and the engine, and says so when
// the engine cannot go on.
import { openRung, removeRungs } from './ladder.ts';
import { requestLock } from './locks.ts';
import { removeUnderLock } from './remove.ts';
import { OrderedStorage } from './storage.ts';
import init, { Host } from './wasm/holm_worker.js';

const post = (bytes: Uint8Array) => {
  self.postMessage(bytes, { transfer: [bytes.buffer as ArrayBuffer] });
};

/** Nothing of an engine that failed may run again: its memory may be in any state. */
const die = (thrown: unknown) => {
  const message = thrown instanceof Error ? `${thrown.message}\n${thrown.stack}` : String(thrown);
  post(new TextEncoder().encode(JSON.stringify({ messages: [{ kind: 'fatal', message }] })));
  self.close();
};

self.onunhandledrejection = (event) => die(event.reason);
self.onerror = (message, _source, _line, _column, error) => {
  die(error ?? message);
  return true; // told
};

const storage = new OrderedStorage(openRung);
const host = init().then(() => new Host(post, { storage, requestLock }));
self.onmessage = async ({ data }: MessageEvent<Uint8Array | string>) => {
  // The name of a database that is to be removed, which no engine has to do with.
  if (typeof data === 'string') {
    self.postMessage(await removeUnderLock(data, requestLock, removeRungs));
  } else {
    (await host).receive(data);
  }
};
