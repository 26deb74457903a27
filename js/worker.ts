// Entry of the dedicated worker: passes bytes between the page and the engine, and says so when
// the engine cannot go on.
import { withStack } from './error.ts';
import { newId } from './id.ts';
import { openRung, removeRungs } from './ladder.ts';
import { requestLock } from './locks.ts';
import { findOpfs } from './opfs.ts';
import { removeUnderLock } from './remove.ts';
import { OrderedStorage } from './storage.ts';
import { unpack } from './unpack.ts';
import { Host, initSync } from './wasm/holm_worker.js';

const post = (bytes: Uint8Array) => {
  self.postMessage(bytes, { transfer: [bytes.buffer as ArrayBuffer] });
};

/** Nothing of an engine that failed may run again: its memory may be in any state. */
const die = (thrown: unknown) => {
  const message = withStack(thrown);
  post(new TextEncoder().encode(JSON.stringify({ messages: [{ kind: 'fatal', message }] })));
  self.close();
};

self.onunhandledrejection = (event) => die(event.reason);
self.onerror = (message, _source, _line, _column, error) => {
  die(error ?? message);
  return true; // told
};

/** For the first opening, found while the module is on its way. Later ones look anew. */
let opfs: ReturnType<typeof findOpfs> | undefined = findOpfs();
opfs.catch(() => {}); // told when it is awaited
const storage = new OrderedStorage((database) => {
  const found = opfs;
  opfs = undefined;
  return openRung(database, found);
});
/** Holds a lock for as long as this worker lives; the page is told its name, and waits for it. */
const live = (name: string) => {
  const held = navigator.locks?.request(name, () => {
    self.postMessage(name);
    return new Promise(() => {});
  });
  held?.catch(() => {}); // refused: then nobody waits for it
};

/** As it was loaded, where the page may not compile it. */
type Module = WebAssembly.Module | ArrayBuffer;

const start = async (module: Module) => {
  live(`holm-worker:${newId()}`);
  initSync({ module: module instanceof ArrayBuffer ? await unpack(module) : module });
  return new Host(post, { storage, requestLock });
};

let begin: (module: Module) => void;
const host = new Promise<Module>((resolve) => {
  begin = resolve;
}).then(start);
type Message = Uint8Array | string | Module;
self.onmessage = async ({ data }: MessageEvent<Message>) => {
  if (data instanceof WebAssembly.Module || data instanceof ArrayBuffer) {
    begin(data);
  } else if (typeof data === 'string') {
    // The name of a database that is to be removed, which no engine has to do with.
    self.postMessage(await removeUnderLock(data, requestLock, removeRungs));
  } else {
    (await host).receive(data);
  }
};
