// What every port must do, driven through `Rig` (worker/src/testing.rs). Runs in a dedicated worker
// and in Node. Must not know which browser it runs in: what differs arrives in `place`.

const WAIT_MS = 5_000;

/**
 * Runs all checks, each in a module of its own; resolves to `{name, error}` for each, `error` being
 * null where it passed. `platform` makes one for each rig.
 */
export async function runChecks(load, place, platform) {
  const results = [];
  const chosen = place.isStorageOnly ? storageChecks : { ...storageChecks, ...checks };
  for (const [name, check] of Object.entries({ ...suites(place), ...chosen })) {
    place.onBegun?.(name);
    const module = await load(results.length);
    const rig = () => new module.Rig(() => {}, platform());
    try {
      await check({ module, platform, rig, place });
      results.push({ name, error: null });
    } catch (thrown) {
      results.push({ name, error: String(thrown?.stack ?? thrown) });
    }
  }
  return results;
}

/** The conformance suites of the engine crate, for what this place has. */
function suites(place) {
  const ports = ['files'];
  if (!place.isStorageOnly) ports.push('clock', 'entropy', 'locks', 'channel');
  if (!place.isStorageOnly && place.hasSocket) ports.push('transport');
  return Object.fromEntries(ports.map((port) => [`the port ${port} conforms`, conforms(port)]));
}

const conforms =
  (port) =>
  async ({ module, platform, place }) => {
    // After a failed assertion the promise is never settled.
    const outcome = await new Promise((end) => {
      setTimeout(() => end('it takes too long'), 20_000);
      const nowhere = 'ws://127.0.0.1:1/';
      module
        .conform(port, platform(), end, `${place.socket}/echo`, nowhere)
        .then(() => end('conforms'));
    });
    equal(outcome, 'conforms');
  };

const storageChecks = {
  async 'a fresh database lists nothing and says what it is'({ rig, place }) {
    const one = rig();
    one.list(fresh());
    equal(await next(one), listed('[]', place));
  },

  async 'after closing nothing is open and what was pending opens nothing'({ rig, place }) {
    const [one, other] = [rig(), rig()];
    const name = fresh();
    one.list(name);
    await next(one);
    const file = await made(one, 'a');
    one.make('b');
    one.close();
    one.flush(file, 1n);
    equal(await next(one), 'Flushed { ticket: Ticket(1), result: Err(NotFound) }');
    await pause(200);
    equal(one.event(), undefined);
    other.list(name);
    // Where only what was flushed survives, nothing has.
    const left = place.survival === 'Flushed' ? '[]' : '[("a", FileId(0)), ("b", FileId(1))]';
    equal(await next(other), listed(left, place));
  },

  async 'a database that another one holds is busy'({ rig, place }) {
    if (place.kind !== 'opfs') return;
    const [one, other] = [rig(), rig()];
    const name = fresh();
    one.list(name);
    await next(one);
    await made(one, 'a');
    other.list(name);
    equal(await next(other), listing('Err(Busy)', place));
    one.write(0, 0, bytes(100_000, 1));
    other.list_around(name);
    equal(await next(other), listed('[("a", FileId(0))]', place));
    equal(same(other.read(0, 10, 200_000), bytes(100_000, 1).subarray(10)), true);
    equal(thrownBy(() => other.write(0, 0, bytes(9, 2))), 'Busy');
    equal(thrownBy(() => other.truncate(0, 0)), 'Busy');
    equal(same(one.read(0, 0, 100_000), bytes(100_000, 1)), true);
    one.free();
    other.list(name);
    equal(await next(other), listed('[("a", FileId(1))]', place));
  },

  async 'who had the database before can flush nothing'({ rig, place }) {
    if (place.kind !== 'indexeddb') return;
    const [one, other] = [rig(), rig()];
    const name = fresh();
    one.list(name);
    await next(one);
    const file = await made(one, 'a');
    one.write(file, 0, bytes(100_000, 1));
    await flushed(one, file, 'Ok(())');
    other.list(name);
    equal(await next(other), listed('[("a", FileId(0))]', place));
    one.write(file, 0, bytes(100_000, 2));
    await flushed(one, file, 'Err(Busy)');
    other.write(0, 100_000, bytes(10, 3));
    await flushed(other, 0, 'Ok(())');
    const third = rig();
    third.list(name);
    await next(third);
    equal(same(third.read(0, 0, 100_000), bytes(100_000, 1)), true);
    equal(same(third.read(0, 100_000, 99), bytes(10, 3)), true);
  },

  async 'another library finds the files as they were written'({ module, rig, place }) {
    if (place.kind !== 'indexeddb') return;
    const one = rig();
    const name = fresh();
    one.list(name);
    await next(one);
    const [small, large] = [await made(one, 'small'), await made(one, 'large')];
    one.write(small, 0, bytes(9, 1));
    one.write(large, 0, bytes(100_000, 2));
    await flushed(one, small, 'Ok(())');
    one.truncate(large, 70_000);
    await flushed(one, large, 'Ok(())');
    equal(same(await module.read_indexed_db(name, 'small'), bytes(9, 1)), true);
    equal(same(await module.read_indexed_db(name, 'large'), bytes(70_000, 2)), true);
  },

  async 'a connection that is closed under it is opened again'({ rig, place }) {
    if (place.kind !== 'indexeddb') return;
    const name = fresh();
    await withConnections(async (connections) => {
      const one = rig();
      one.list(name);
      await next(one);
      const file = await made(one, 'a');
      for (let round = 0; round < 5; round += 1) {
        for (const connection of connections) connection.close();
        one.write(file, 3 * round, bytes(3, round));
        await flushed(one, file, 'Ok(())');
      }
    });
    const other = rig();
    other.list(name);
    await next(other);
    const written = [0, 1, 2, 3, 4].flatMap((round) => [...bytes(3, round)]);
    equal(same(other.read(0, 0, 99), Uint8Array.from(written)), true);
  },

  async 'a database that is deleted under it fails the flush'({ rig, place }) {
    if (place.kind !== 'indexeddb') return;
    const one = rig();
    const name = fresh();
    one.list(name);
    await next(one);
    const file = await made(one, 'a');
    await flushed(one, file, 'Ok(())');
    await settled(indexedDB.deleteDatabase(`holm:${name}`));
    await flushed(one, file, 'Err(Busy)');
  },

  async 'a full IndexedDB fails the flush and keeps what was flushed'({ rig, place }) {
    if (place.kind !== 'indexeddb' || place.quotaBytes === undefined) return;
    const [one, other] = [rig(), rig()];
    const name = fresh();
    one.list(name);
    await next(one);
    const file = await made(one, 'a');
    // Browsers pack what repeats itself.
    const part = new Uint8Array(1 << 20);
    for (let at = 0; at < part.length; at += 65_536) {
      crypto.getRandomValues(part.subarray(at, at + 65_536));
    }
    let [offset, outcome] = [0, ''];
    for (; offset < 2 * place.quotaBytes; offset += part.length) {
      equal(one.write(file, offset, part), part.length);
      one.flush(file, 1n);
      outcome = await next(one);
      if (!outcome.endsWith('Ok(()) }')) break;
    }
    equal(outcome, 'Flushed { ticket: Ticket(1), result: Err(Full) }');
    other.list(name);
    equal(await next(other), listed('[("a", FileId(0))]', place));
    equal(same(other.read(0, offset - part.length, 2 * part.length), part), true);
    place.onFull?.(`${offset} bytes, then ${outcome}`);
  },

  async 'a full disk is told, never taken for success'({ rig, place }) {
    if (place.kind !== 'opfs' || place.quotaBytes === undefined) return;
    const one = rig();
    one.list(fresh());
    await next(one);
    const file = await made(one, 'a');
    const part = bytes(1 << 20, 3);
    let [offset, outcome] = [0, part.length];
    while (outcome === part.length && offset < 4 * place.quotaBytes) {
      try {
        outcome = one.write(file, offset, part);
      } catch (refused) {
        outcome = String(refused);
      }
      if (outcome === part.length) offset += part.length;
    }
    equal(outcome === 'Full' || outcome < part.length, true, `write said ${outcome}`);
    one.flush(file, 1n);
    await next(one);
    equal(same(one.read(file, offset - part.length, part.length), part), true);
    one.truncate(file, 0);
    equal(one.write(file, 0, part), part.length);
    one.truncate(file, 0);
    place.onFull?.(`${offset} bytes, then ${outcome}`);
  },
};

const checks = {
  async 'an alarm in a month does not ring now'({ rig }) {
    const one = rig();
    one.wake_at(one.monotonic_ms() + 40 * 86_400_000);
    await pause(100);
    equal(one.event(), undefined);
  },

  async 'a lock that is stolen is lost, once'({ rig, place }) {
    if (!place.hasWebLocks) return;
    const one = rig();
    const name = fresh();
    one.request_lock(name);
    equal(await next(one), 'LockGranted');
    navigator.locks.request(`holm:${name}`, { steal: true }, () => {});
    equal(await next(one), 'LockLost');
    await pause(50);
    equal(one.event(), undefined);
  },

  async 'what a stranger says on the channel does no harm'({ rig }) {
    const one = rig();
    const name = fresh();
    one.join(name);
    const stranger = new BroadcastChannel(`holm:${name}`);
    stranger.postMessage(1e9);
    stranger.postMessage({ length: 1e9 });
    stranger.postMessage(null);
    stranger.postMessage(new Uint8Array([1]));
    equal(await next(one), 'Broadcast { bytes: [1] }');
    stranger.close();
  },

  async 'a socket drops binary frames and says once, with its reason, that it ended'({
    rig,
    place,
  }) {
    if (!place.hasSocket) return;
    const one = rig();
    one.connect(4n, `${place.socket}/echo`);
    equal(await next(one), 'Connected { connection: 4 }');
    one.send('binary');
    one.send('x'.repeat(70_000));
    equal((await next(one)).length > 70_000, true);
    one.send('close');
    equal(await next(one), 'Disconnected { connection: 4, reason: "as you wish (4001)" }');
    one.send('too late');
    await pause(50);
    equal(one.event(), undefined);
  },

  async 'nothing comes late from an old connection'({ rig, place }) {
    if (!place.hasSocket) return;
    const one = rig();
    one.connect(1n, `${place.socket}/echo`);
    equal(await next(one), 'Connected { connection: 1 }');
    one.send('late');
    one.connect(2n, `${place.socket}/echo`);
    equal(await next(one), 'Connected { connection: 2 }');
    await pause(200);
    equal(one.event(), undefined);
  },

  async 'a connection that cannot be made ends with a reason'({ rig, place }) {
    const one = rig();
    one.connect(1n, 'ws://127.0.0.1:1/');
    const refused = await next(one);
    const reason = place.hasSocket ? 'could not be made or was lost' : 'there is no WebSocket here';
    equal(
      refused.startsWith('Disconnected { connection: 1') && refused.includes(reason),
      true,
      refused,
    );
    one.connect(2n, 'ftp://no.socket/');
    equal((await next(one)).startsWith('Disconnected { connection: 2'), true);
  },

  async 'a failed assertion is thrown with its place and message'({ rig }) {
    const one = rig();
    let thrown = '';
    try {
      one.panic('the "sky" fell');
    } catch (error) {
      thrown = String(error);
    }
    equal(/worker\/src\/testing\.rs:\d+:\d+:\nthe "sky" fell$/.test(thrown), true, thrown);
  },
};

let count = 0;
const salt = Math.random().toString(36).slice(2);
const fresh = () => `Test ${salt}/${++count}`;

const listing = (files, place) =>
  `Listed { files: ${files}, kind: "${place.kind}", survival: ${place.survival} }`;
const listed = (files, place) => listing(`Ok(${files})`, place);

async function made(rig, name) {
  rig.make(name);
  const event = await next(rig);
  const id = /^FileReady \{ name: "(.*)", result: Ok\(FileId\((\d+)\)\) \}$/.exec(event);
  if (id?.[1] !== name) throw new Error(`expected the file ${name}, got ${event}`);
  return Number(id[2]);
}

async function flushed(rig, file, result) {
  rig.flush(file, 7n);
  equal(await next(rig), `Flushed { ticket: Ticket(7), result: ${result} }`);
}

/** Runs `job`; every connection that is opened meanwhile is in the list, which is also given. */
async function withConnections(job) {
  const connections = [];
  const { open } = IDBFactory.prototype;
  IDBFactory.prototype.open = function (...args) {
    const request = open.apply(this, args);
    request.addEventListener('success', () => connections.push(request.result));
    return request;
  };
  try {
    await job(connections);
  } finally {
    IDBFactory.prototype.open = open;
  }
}

const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = resolve;
    request.onerror = () => reject(request.error);
  });

async function next(rig) {
  const end = performance.now() + WAIT_MS;
  while (performance.now() < end) {
    const event = rig.event();
    if (event !== undefined) return event;
    await pause(2);
  }
  throw new Error('no event came');
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const bytes = (length, seed) => Uint8Array.from({ length }, (_, at) => (at * 31 + seed) & 255);
function thrownBy(call) {
  try {
    call();
  } catch (thrown) {
    return String(thrown);
  }
  return undefined;
}
const same = (left, right) =>
  left.length === right.length && left.every((byte, at) => byte === right[at]);

function equal(actual, expected, message = '') {
  if (actual !== expected) throw new Error(`expected ${expected}, got ${actual} ${message}`);
}
