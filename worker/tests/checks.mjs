// What every port must do, driven through `Rig` (worker/src/testing.rs). Runs in a dedicated worker
// and in Node. Must not know which browser it runs in: what differs arrives in `place`.

const WAIT_MS = 5_000;

/**
 * Runs all checks, each in a module of its own; resolves to `{name, error}` for each, `error` being
 * null where it passed.
 */
export async function runChecks(load, place, platform) {
  const results = [];
  for (const [name, check] of Object.entries({ ...suites(place), ...checks })) {
    const module = await load(results.length);
    const rig = () => new module.Rig(() => {}, platform);
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
  const ports = ['clock', 'entropy', 'locks', 'channel'];
  if (place.isDurable) ports.push('files');
  if (place.hasSocket) ports.push('transport');
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
        .conform(port, platform, end, `${place.socket}/echo`, nowhere)
        .then(() => end('conforms'));
    });
    equal(outcome, 'conforms');
  };

const checks = {
  async 'a fresh database lists nothing and says what it is'({ rig, place }) {
    const one = rig();
    one.list(fresh());
    equal(await next(one), listed('[]', place));
  },

  async 'after closing nothing is open and what was pending opens nothing'({ rig, place }) {
    if (!place.isDurable) return;
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
    equal(await next(other), listed('[("a", FileId(0)), ("b", FileId(1))]', place));
  },

  async 'a database that another one holds is busy'({ rig, place }) {
    if (!place.isDurable) return;
    const [one, other] = [rig(), rig()];
    const name = fresh();
    one.list(name);
    await next(one);
    await made(one, 'a');
    other.list(name);
    equal(await next(other), listing('Err(Busy)', place));
    one.free();
    other.list(name);
    equal(await next(other), listed('[("a", FileId(0))]', place));
  },

  async 'a full disk is told, never taken for success'({ rig, place }) {
    if (place.quotaBytes === undefined) return;
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
  `Listed { files: ${files}, kind: "${place.kind}", is_durable: ${place.isDurable} }`;
const listed = (files, place) => listing(`Ok(${files})`, place);

async function made(rig, name) {
  rig.make(name);
  const event = await next(rig);
  const id = /^FileReady \{ name: "(.*)", result: Ok\(FileId\((\d+)\)\) \}$/.exec(event);
  if (id?.[1] !== name) throw new Error(`expected the file ${name}, got ${event}`);
  return Number(id[2]);
}

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
const same = (left, right) =>
  left.length === right.length && left.every((byte, at) => byte === right[at]);

function equal(actual, expected, message = '') {
  if (actual !== expected) throw new Error(`expected ${expected}, got ${actual} ${message}`);
}
