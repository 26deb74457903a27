// Stops a worker in the midst of its storage's work, until it is killed: it asks this server for an
// answer that never comes, and waits for it without doing anything else.

/** What it asks for. */
export const STOP = '/stopped';

/**
 * Where it can be stopped, by rung and moment: in which call on which files, and among how many of
 * them. On OPFS a write that is stopped has been made by half. On IndexedDB what the engine writes
 * stays in memory until a transaction begins (`write`), which then puts chunks (`flush`).
 */
const PLACES = {
  opfs: {
    write: [['write', 'log-', 30]],
    flush: [['flush', 'log-', 12]],
    compaction: [
      ['write', 'run-', 3],
      ['flush', 'run-', 1],
    ],
    open: [
      ['write', 'log-', 2],
      ['flush', 'log-', 1],
    ],
  },
  indexeddb: {
    write: [['transaction', '', 12]],
    flush: [['put', 'log-', 20]],
    compaction: [['put', 'run-', 3]],
    open: [
      ['transaction', '', 2],
      ['put', 'log-', 1],
    ],
  },
};

export const MOMENTS = Object.keys(PLACES.opfs);

const below = (count) => Math.floor(Math.random() * count);

/** One of the places of a moment: before or after call `nth` from then on. */
export function placeOf(rung, moment) {
  const places = PLACES[rung][moment];
  const [call, files, among] = places[below(places.length)];
  return { call, files, nth: 1 + below(among), when: below(2) === 0 ? 'before' : 'after' };
}

/**
 * What a worker runs first. It stops at `place`, or else at the one that is sent to it through the
 * BroadcastChannel `stop`.
 */
export function stopping(place) {
  return `(${inWorker})(${JSON.stringify(place ?? null)}, ${JSON.stringify(STOP)});\n`;
}

function inWorker(first, address) {
  let place = first;
  // Kept, or it would be collected with its listener.
  self.stopChannel = new BroadcastChannel('stop');
  self.stopChannel.onmessage = ({ data }) => {
    place = data;
  };
  const stop = () => {
    const request = new XMLHttpRequest();
    request.open('GET', address, false);
    request.send();
  };
  /** Runs the call, and stops before or after it if it is the one. */
  const passed = (call, file, run, half = () => {}) => {
    const isIt = place?.call === call && file.startsWith(place.files);
    if (isIt) place.nth -= 1;
    if (!isIt || place.nth > 0) return run();
    const { when } = place;
    place = null;
    if (when === 'before') {
      half();
      stop();
    }
    const result = run();
    if (when === 'after') stop();
    return result;
  };
  const replace = (type, name, make) => {
    const real = type?.prototype[name];
    if (real) type.prototype[name] = make(real);
  };

  const names = new WeakMap();
  const nameOf = (handle) => names.get(handle) ?? '';
  replace(
    globalThis.FileSystemFileHandle,
    'createSyncAccessHandle',
    (real) =>
      async function () {
        const handle = await real.call(this);
        names.set(handle, this.name);
        return handle;
      },
  );
  replace(
    globalThis.FileSystemSyncAccessHandle,
    'write',
    (real) =>
      function (bytes, options) {
        const half = () => real.call(this, bytes.subarray(0, bytes.length >> 1), options);
        return passed('write', nameOf(this), () => real.call(this, bytes, options), half);
      },
  );
  replace(
    globalThis.FileSystemSyncAccessHandle,
    'flush',
    (real) =>
      function () {
        return passed('flush', nameOf(this), () => real.call(this));
      },
  );
  replace(
    globalThis.IDBDatabase,
    'transaction',
    (real) =>
      function (stores, mode, options) {
        const run = () => real.call(this, stores, mode, options);
        return mode === 'readwrite' ? passed('transaction', '', run) : run();
      },
  );
  replace(
    globalThis.IDBObjectStore,
    'put',
    (real) =>
      function (value, key) {
        const file = this.name === 'chunks' ? key[0] : '';
        return passed('put', file, () => real.call(this, value, key));
      },
  );
}
