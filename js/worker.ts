// Entry of the dedicated worker: passes bytes between the page and the engine, and says so when
// the engine cannot go on.
import init, { Host } from './wasm/holm_worker.js';

const post = (bytes: Uint8Array) => {
  self.postMessage(bytes, { transfer: [bytes.buffer as ArrayBuffer] });
};

const die = (thrown: unknown) => {
  const message = thrown instanceof Error ? `${thrown.message}\n${thrown.stack}` : String(thrown);
  post(new TextEncoder().encode(JSON.stringify({ messages: [{ kind: 'fatal', message }] })));
  self.close();
};

// A failed assertion inside a promise of the engine does not reach the page by itself.
self.onunhandledrejection = (event) => die(event.reason);

const host = init().then(() => new Host(post, { storage: 'auto' }));
self.onmessage = async ({ data }: MessageEvent<Uint8Array>) => {
  (await host).receive(data);
};
