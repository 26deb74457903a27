// Two devices, which are two browsers with profiles of their own, and the real server between them.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { browserNames } from './drivers/index.mjs';
import { until } from './drivers/wait.mjs';
import { digestOf } from './page/documents.mjs';
import { Device, inAgreement } from './parts/device.mjs';
import { FILMS } from './parts/films.mjs';
import { temporaryFolder } from './parts/folder.mjs';
import { Ledger } from './parts/ledger.mjs';
import { contents, SOON, TEST } from './parts/page.mjs';
import { servePages } from './parts/pages.mjs';
import { startProxy } from './parts/proxy.mjs';
import { startServer, TOKEN } from './parts/sync-server.mjs';

const FRAME_BYTES_MAX = 1 << 20;

// Where Chromium is not among the browsers this file has nothing to run.
if (browserNames.includes('chromium')) {
  describe('two devices', { timeout: 600_000 }, () => {
    let pages;
    let server;
    let proxy;
    let ann;
    let bob;
    let both;

    before(async () => {
      pages = await servePages();
      const { origin } = pages;
      server = await startServer({ folder: temporaryFolder(), origin });
      proxy = await startProxy(server.port);
      const more = { origin, name: 'devices', token: TOKEN };
      ann = await Device.start('ann', { ...more, sync: { url: proxy.url, space: 'home' } });
      bob = await Device.start('bob', { ...more, sync: { url: server.url, space: 'home' } });
      both = [ann, bob];
    }, TEST);
    after(async () => {
      for (const device of both ?? []) await device.close();
      proxy?.close();
      await server?.kill();
      pages?.close();
    }, TEST);

    test('what both edit offline is the same on both when they are back', TEST, async (t) => {
      await ann.run(async () => {
        const films = Array.from({ length: 8 }, (_, at) => {
          return { id: `film-${at + 1}`, title: `Film ${at + 1}`, rating: 5, votes: 1 };
        });
        await app.db.mutate.films.insertMany(films).saved;
      });
      assert.equal((await inAgreement(both, 'films')).count, 8);

      await server.stop();
      for (const device of both) await isCutOff(device);
      await ann.run(editAsAnn);
      await bob.run(editAsBob);
      assert.notDeepEqual(await contents(bob.page, 'films'), await contents(ann.page, 'films'));
      await server.start();
      await inAgreement(both, 'films');

      const films = await ann.run(readFilms);
      const { 'film-6': sixth, 'film-8': eighth, same, ...others } = films;
      assert.deepEqual(others, {
        'film-1': ['by Ann', 9], // two fields, one from each
        'film-4': ['again, by Ann', null], // deleted and inserted anew: the edit was of the old one
        'film-5': ['again, by Bob', null],
        ann: ['new', null],
        bob: ['new', null],
      });
      // One field of one film: by the clocks, which are as exact as the network was quick.
      assert.match(eighth[0], /^by (Ann|Bob)$/);
      // Both inserted it; one was first, and the other was told.
      assert.match(sixth[0], /^again, by (Ann|Bob)$/);
      assert.match(same[0], /^same, by (Ann|Bob)$/);
      const refused = [...(await ann.run(refusals)), ...(await bob.run(refusals))];
      assert.deepEqual(refused.sort(), ['exists film-6', 'exists same']);
      for (const device of both) await device.run(discardRefused);
      assert.deepEqual(await ann.run(readFilms), films);
      const { digest } = await inAgreement(both, 'films');
      assert.equal(await ann.run(readAsNewReplica, 'fresh'), digest, 'a new replica has the same');
      t.diagnostic(`film-6 is ${sixth[0]}, same is ${same[0]}`);
    });

    test('a server that crashes and comes back changes nothing', TEST, async (t) => {
      const films = await inAgreement(both, 'films');
      await ann.run(startWriting);
      const pending = [];
      for (let crash = 1; crash <= 3; crash += 1) {
        const seen = (await contents(bob.page, 'odds')).count;
        await bob.page.waitFor(hasOdds, { ...SOON, args: [seen + 20], what: '20 more writes' });
        await server.kill();
        pending.push(await ann.run(unsettled));
        await server.start();
        for (const device of both) await device.run(reconnect);
      }
      const written = await ann.run(stopWriting);
      assert.equal((await inAgreement(both, 'odds')).count, written);
      const numbers = Array.from({ length: written }, (_, n) => n);
      assert.deepEqual(await bob.run(readNumbers), numbers);
      assert.deepEqual(await inAgreement(both, 'films'), films);
      for (const device of both) assert.deepEqual(await device.run(refusals), []);
      assert.ok(Math.max(...pending) > 0, 'no crash came while writes were on their way');
      t.diagnostic(`${written} writes; on their way at the crashes: ${pending.join(' ')}`);
    });

    test(
      'a device that crashes in mid-write goes on, and the other has all of it',
      TEST,
      async (t) => {
        const ledger = new Ledger();
        const inFlight = [];
        for (let crash = 1; crash <= 3; crash += 1) {
          await ledger.begin(ann.page);
          await ledger.savedInRound(10 + Math.floor(Math.random() * 60));
          await ann.browser.killProcess();
          inFlight.push(ledger.inFlight());
          await ann.restart();
          await ledger.check(ann.page, `after crash ${crash}, on the device`);
          await inAgreement(both, 'marks');
          await ledger.check(bob.page, `after crash ${crash}, on the other device`);
        }
        assert.ok(Math.max(...inFlight) > 0, 'no crash came in mid-write');
        t.diagnostic(`${ledger.savedCount} writes saved; in flight: ${inFlight.join(' ')}`);
      },
    );

    test('3,201 films in one transaction arrive whole', TEST, async (t) => {
      const { count } = await inAgreement(both, 'films');
      await bob.run(watchCounts);
      const before = proxy.bytesUp;
      const began = Date.now();
      const savedMs = await ann.run(insertFilmsAtOnce, '');
      await bob.page.waitFor(atLeastFilms, {
        ...SOON,
        args: [count + FILMS.length],
        what: 'the films on the other device',
      });
      const arrivedMs = Date.now() - began;
      const bytes = proxy.bytesUp - before;
      assert.ok(bytes > FRAME_BYTES_MAX, `sent ${bytes} bytes, which fit in a frame`);
      assert.deepEqual(await bob.run(() => app.counts), [count, count + FILMS.length]);
      await inAgreement(both, 'films');
      const arrived = await bob.run(digestOfFilms, '');
      assert.equal(arrived, await digestOf(FILMS));
      t.diagnostic(`saved in ${savedMs.toFixed(0)} ms, arrived in ${arrivedMs} ms, ${bytes} bytes`);
    });

    test(
      'a transaction whose parts a crash of the server interrupts arrives whole',
      TEST,
      async (t) => {
        const { count } = await inAgreement(both, 'films');
        await bob.run(watchCounts);
        const before = proxy.bytesUp;
        const saved = ann.run(insertFilmsAtOnce, 'second-');
        const what = 'the first part to be on its way';
        await until(() => proxy.bytesUp - before > 100_000, { ...SOON, what });
        await server.kill();
        const bytes = proxy.bytesUp - before;
        await server.start();
        await saved;
        await inAgreement(both, 'films');
        assert.deepEqual(await bob.run(() => app.counts), [count, count + FILMS.length]);
        t.diagnostic(`the server crashed after ${bytes} bytes of it`);
      },
    );

    test(
      'a frame that is not valid is refused with its code and the session goes on',
      TEST,
      async () => {
        await inAgreement(both, 'films');
        const { connections } = proxy;
        const rubbish = [
          ['bad_frame', 'no JSON'],
          ['bad_frame', '[]'],
          ['bad_frame', '{"kind":"page","deltas":"none"}'],
          ['bad_frame', '{"kind":"verdicts","verdicts":[{"seq":-1}]}'],
          ['unknown_kind', '{"kind":"surprise"}'],
        ];
        for (const [code, frame] of rubbish) {
          proxy.slipIn(frame);
          const args = [code];
          const what = `${frame} to be refused with ${code}`;
          await ann.page.waitFor((code) => app.db.status.sync.reason?.startsWith(code), {
            ...SOON,
            args,
            what,
          });
          assert.equal(await ann.run(() => app.db.status.sync.state), 'idle', frame);
        }
        await bob.run(() => app.db.mutate.films.insert({ id: 'after', title: 'After' }).accepted);
        await ann.page.waitFor(isThere, { ...SOON, args: ['after'], what: "Bob's film" });
        assert.equal(proxy.connections, connections, 'the connection stayed');
        await inAgreement(both, 'films');
      },
    );

    test('a wrong token is told, and a good one goes on', TEST, async () => {
      const sync = { url: server.url, space: 'home' };
      await ann.run(
        async (options) => {
          app.token = 'wrong';
          app.locked = await app.create(options);
          app.write = app.locked.mutate.films.insert({ id: 'patient', title: 'Patient' });
          await app.write.saved;
        },
        { name: 'locked', sync },
      );
      await ann.page.waitFor(() => app.locked.status.sync.state === 'needs_auth', {
        ...SOON,
        what: 'needs_auth',
      });
      const told = await ann.run(() => app.errorOf(() => app.locked.sync()));
      assert.equal(told?.code, 'needs_auth');
      await ann.run((token) => {
        app.token = token;
        return app.locked.sync().catch(() => {});
      }, TOKEN);
      await ann.page.waitFor(() => app.write.state === 'accepted', { ...SOON, what: 'the write' });
      await bob.page.waitFor(isThere, { ...SOON, args: ['patient'], what: 'the write on Bob' });
      await ann.run(() => app.locked.close());
    });
  });
}

function isCutOff({ page, name }) {
  const states = ['backoff', 'connecting', 'offline'];
  return page.waitFor((states) => states.includes(app.db.status.sync.state), {
    ...SOON,
    args: [states],
    what: `${name} to miss the server`,
  });
}

// The functions below run in the page.

async function editAsAnn() {
  const { films } = app.db.mutate;
  const writes = [
    films.update('film-1', { title: 'by Ann' }),
    films.delete('film-2'),
    films.update('film-3', { title: 'by Ann' }),
    films.delete('film-4'),
    films.insert({ id: 'film-4', title: 'again, by Ann' }),
    films.update('film-5', { rating: 1 }),
    films.delete('film-6'),
    films.insert({ id: 'film-6', title: 'again, by Ann' }),
    films.delete('film-7'),
    films.update('film-8', { title: 'by Ann' }),
    films.insert({ id: 'ann', title: 'new' }),
    films.insert({ id: 'same', title: 'same, by Ann' }),
  ];
  for (const write of writes) await write.saved;
}

async function editAsBob() {
  const { films } = app.db.mutate;
  const writes = [
    films.update('film-1', { rating: 9 }),
    films.update('film-2', { title: 'by Bob' }),
    films.delete('film-3'),
    films.update('film-4', { rating: 1 }),
    films.delete('film-5'),
    films.insert({ id: 'film-5', title: 'again, by Bob' }),
    films.delete('film-6'),
    films.insert({ id: 'film-6', title: 'again, by Bob' }),
    films.delete('film-7'),
    films.update('film-8', { title: 'by Bob' }),
    films.insert({ id: 'bob', title: 'new' }),
    films.insert({ id: 'same', title: 'same, by Bob' }),
  ];
  for (const write of writes) await write.saved;
}

async function readFilms() {
  const rows = await app.db.query.films.get();
  return Object.fromEntries(rows.map(({ id, title, rating }) => [id, [title, rating]]));
}

/** Code and document of every write that the server refused. */
async function refusals() {
  const entries = await app.db.outbox.where('state', '!=', 'queued').get();
  return entries.map(({ code, documents }) => `${code} ${documents.map(([, id]) => id)}`);
}

async function discardRefused() {
  for (const entry of await app.db.outbox.where('state', '=', 'rejected').get()) {
    await app.db.outbox.discard(entry);
  }
}

async function readAsNewReplica(name) {
  const sync = app.sync;
  const db = await app.create({ name, sync });
  await db.sync();
  const { digest } = await app.contents('films', db);
  await db.close();
  return digest;
}

/** Writes one document after the other, at a pace that lasts for the whole test. */
function startWriting() {
  app.isWriting = true;
  const write = async () => {
    let n = 0;
    for (; app.isWriting; n += 1) {
      await app.db.mutate.odds.insert({ id: String(n).padStart(6, '0'), json: n }).saved;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return n;
  };
  app.written = write();
}

/** Ends it; how many were written. */
function stopWriting() {
  app.isWriting = false;
  return app.written;
}

async function hasOdds(count) {
  return (await app.contents('odds')).count >= count;
}

/** Writes that the server has not answered. */
function unsettled() {
  const { queued, sent } = app.db.status.outbox;
  return queued + sent;
}

/** Without waiting for the next try, or for the end of it. */
function reconnect() {
  app.db.sync().catch(() => {});
}

async function readNumbers() {
  const rows = await app.db.query.odds.get();
  return rows.map(({ json }) => json);
}

/** Every count of films that a live query shows, each once in a row. */
function watchCounts() {
  app.stop?.();
  app.counts = [];
  app.stop = app.db.query.films.subscribe(({ rows }) => {
    if (app.counts.at(-1) !== rows.length) app.counts.push(rows.length);
  });
}

async function insertFilmsAtOnce(prefix) {
  const films = (await app.films()).map((film) => ({ ...film, id: prefix + film.id }));
  const began = performance.now();
  await app.db.mutate.films.insertMany(films, { atomic: true }).saved;
  return performance.now() - began;
}

function atLeastFilms(count) {
  return app.counts.at(-1) >= count;
}

async function digestOfFilms(prefix) {
  const ids = new Set((await app.films()).map(({ id }) => prefix + id));
  const rows = await app.db.query.films.get();
  return app.digestOf(rows.filter(({ id }) => ids.has(id)));
}

async function isThere(id) {
  return (await app.db.query.films.where('id', '=', id).get()).length === 1;
}
