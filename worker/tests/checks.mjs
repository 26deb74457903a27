// What every port must do, driven through `Rig` (worker/src/testing.rs). Runs in a dedicated worker and in Node.
// Must not know which browser it runs in: what differs arrives in `place`.

const WAIT_MS = 5_000;

/** Runs all checks; resolves to `{name, error}` for each, `error` being null where it passed. */
export async function runChecks(module, place) {
  const results = [];
  for (const [name, check] of Object.entries(checks)) {
    const posted = [];
    const rigs = [];
    const rig = () => {
      const made = new module.Rig((bytes) => posted.push(new TextDecoder().decode(bytes)));
      rigs.push(made);
      return made;
    };
    try {
      await check({ rig, posted, place });
      results.push({ name, error: null });
    } catch (thrown) {
      results.push({ name, error: String(thrown?.stack ?? thrown) });
    }
    for (const made of rigs) made.free();
  }
  return results;
}

const checks = {
  async 'a fresh database lists nothing and says what it is'({ rig, place }) {
    const one = rig();
    one.list(fresh());
    equal(await next(one), listed('[]', place));
  },

  async 'a file keeps what was written'({ rig, place }) {
    const one = rig();
    const name = fresh();
    one.list(name);
    await next(one);
    const file = await made(one, 'log');
    equal(one.size(file), 0);
    equal(one.write(file, 0, bytes(10_000, 1)), 10_000);
    equal(one.write(file, 20_000, bytes(5, 2)), 5);
    equal(one.size(file), 20_005);
    equal(same(one.read(file, 0, 10_000), bytes(10_000, 1)), true);
    equal(same(one.read(file, 10_000, 4), new Uint8Array(4)), true);
    equal(one.read(file, 20_003, 100).length, 2);
    equal(one.read(file, 30_000, 100).length, 0);
    one.truncate(file, 3);
    equal(one.size(file), 3);
    one.flush(file, 7n);
    equal(await next(one), 'Flushed { ticket: Ticket(7), result: Ok(()) }');
    if (!place.isDurable) return;
    one.close();
    const other = rig();
    other.list(name);
    equal(await next(other), listed('[("log", FileId(0))]', place));
    equal(same(other.read(0, 0, 9), bytes(3, 1)), true);
  },

  async 'a file that was removed is gone and can be made again, empty'({ rig, place }) {
    const one = rig();
    const name = fresh();
    one.list(name);
    await next(one);
    const first = await made(one, 'a');
    one.write(first, 0, bytes(100, 1));
    one.remove('a');
    one.remove('never there');
    const second = await made(one, 'a');
    equal(thrown(() => one.read(first, 0, 1)), 'NotFound');
    equal(one.size(second), 0);
    one.remove('a');
    one.close();
    one.list(name);
    if (place.isDurable) equal(await next(one), listed('[]', place));
  },

  async 'after closing nothing is open and what was pending opens nothing'({ rig, place }) {
    const one = rig();
    const name = fresh();
    one.list(name);
    await next(one);
    const file = await made(one, 'a');
    if (place.isDurable) one.make('b');
    one.close();
    equal(thrown(() => one.write(file, 0, bytes(1, 1))), 'NotFound');
    one.flush(file, 1n);
    equal(await next(one), 'Flushed { ticket: Ticket(1), result: Err(NotFound) }');
    await pause(200);
    equal(one.event(), undefined);
    if (!place.isDurable) return;
    const other = rig();
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
    one.close();
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
    one.remove('a');
    place.onFull?.(`${offset} bytes, then ${outcome}`);
  },

  async 'the alarm rings once, not early, and only the last one set'({ rig }) {
    const one = rig();
    const start = one.monotonic_ms();
    one.wake_at(start + 30);
    one.wake_at(start + 120);
    equal(await next(one), 'Tick');
    const rang = one.monotonic_ms();
    equal(rang >= start + 120 && rang < start + 1_000, true, `rang after ${rang - start} ms`);
    await pause(100);
    equal(one.event(), undefined);
    one.wake_at(0);
    equal(await next(one), 'Tick');
    one.wake_at(one.monotonic_ms() + 40 * 86_400_000);
    await pause(100);
    equal(one.event(), undefined);
    equal(Math.abs(one.wall_ms() - Date.now()) < 1_000, true);
  },

  async 'random bytes fill any length'({ rig }) {
    const random = rig().random(200_000);
    const seen = new Set(random.slice(-1_000));
    equal(random.length, 200_000);
    equal(seen.size > 200, true, `${seen.size} different bytes`);
  },

  async 'a lock has one holder and passes on in order'({ rig }) {
    const [one, two, three] = [rig(), rig(), rig()];
    const name = fresh();
    one.request_lock(name);
    equal(await next(one), 'LockGranted');
    two.request_lock(name);
    three.request_lock(name);
    await pause(100);
    equal(two.event() ?? three.event(), undefined);
    two.release_lock();
    one.release_lock();
    equal(await next(three), 'LockGranted');
    equal(one.event() ?? two.event(), undefined);
    three.request_lock(fresh());
    equal(await next(three), 'LockGranted');
    one.request_lock(name);
    equal(await next(one), 'LockGranted');
  },

  async 'a holder that is freed lets the next one in'({ rig, place }) {
    const [one, two] = [rig(), rig()];
    const name = fresh();
    two.request_lock(name);
    equal(await next(two), 'LockGranted');
    one.request_lock(name);
    two.release_lock();
    equal(await next(one), 'LockGranted');
    if (!place.hasWebLocks) return;
    navigator.locks.request(`holm:${name}`, { steal: true }, () => {});
    equal(await next(one), 'LockLost');
    await pause(50);
    equal(one.event(), undefined);
  },

  async 'a channel reaches the others on it and nobody else'({ rig }) {
    const [one, two, three] = [rig(), rig(), rig()];
    const name = fresh();
    one.join(name);
    two.join(name);
    three.join(fresh());
    one.broadcast(new TextEncoder().encode('AB'));
    equal(await next(two), 'Broadcast { bytes: [65, 66] }');
    const stranger = new BroadcastChannel(`holm:${name}`);
    stranger.postMessage(1e9);
    stranger.postMessage({ length: 1e9 });
    stranger.postMessage(new Uint8Array([1]));
    equal(await next(two), 'Broadcast { bytes: [1] }');
    stranger.close();
    await pause(50);
    equal(three.event() ?? two.event(), undefined);
  },

  async 'the page gets what is for it, and only that'({ rig, posted }) {
    const one = rig();
    one.post(1n, new TextEncoder().encode('yes'));
    one.post(2n, new TextEncoder().encode('no'));
    equal(posted.join(), 'yes');
  },

  async 'a socket opens, carries text both ways and says once that it ended'({ rig, place }) {
    if (!place.hasSocket) return;
    const one = rig();
    one.send('into the void');
    one.connect(4n, `${place.socket}/echo`);
    equal(await next(one), 'Connected { connection: 4 }');
    one.send('caf\u{e9} \u{1f3dd}');
    equal(await next(one), 'Frame { connection: 4, text: "caf\u{e9} \u{1f3dd}" }');
    one.send('binary');
    one.send('x'.repeat(70_000));
    equal((await next(one)).length > 70_000, true);
    one.send('close');
    equal(await next(one), 'Disconnected { connection: 4, reason: "as you wish (4001)" }');
    one.send('too late');
    await pause(50);
    equal(one.event(), undefined);
  },

  async 'nothing comes from an old connection'({ rig, place }) {
    if (!place.hasSocket) return;
    const one = rig();
    one.connect(1n, `${place.socket}/echo`);
    equal(await next(one), 'Connected { connection: 1 }');
    one.send('late');
    one.connect(2n, `${place.socket}/echo`);
    equal(await next(one), 'Connected { connection: 2 }');
    one.disconnect();
    await pause(200);
    equal(one.event(), undefined);
  },

  async 'a connection that cannot be made ends with a reason'({ rig, place }) {
    const one = rig();
    one.connect(1n, 'ws://127.0.0.1:1/');
    const refused = await next(one);
    const reason = place.hasSocket ? 'could not be made or was lost' : 'there is no WebSocket here';
    equal(refused.startsWith('Disconnected { connection: 1') && refused.includes(reason), true, refused);
    one.connect(2n, 'no address');
    equal((await next(one)).startsWith('Disconnected { connection: 2'), true);
  },

  // The last one: the module is dead afterwards.
  async 'a failed assertion reaches the page with its place, again and again'({ rig, posted }) {
    const one = rig();
    equal(thrown(() => one.panic('the "sky" fell')).includes('unreachable'), true);
    const { messages } = JSON.parse(posted[0]);
    equal(messages[0].kind, 'fatal');
    equal(/worker\/src\/testing\.rs:\d+:\d+:\nthe "sky" fell$/.test(messages[0].message), true, posted[0]);
    one.panic('again');
    equal(posted.length, 2);
    equal(posted[1], posted[0]);
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
const same = (left, right) => left.length === right.length && left.every((byte, at) => byte === right[at]);

function thrown(call) {
  try {
    call();
  } catch (error) {
    return String(error);
  }
  throw new Error('nothing was thrown');
}

function equal(actual, expected, message = '') {
  if (actual !== expected) throw new Error(`expected ${expected}, got ${actual} ${message}`);
}
