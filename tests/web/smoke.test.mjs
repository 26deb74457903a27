// The same first steps in every browser: open, write, live query, synchronise, reload.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { digestOf, odds, textOf } from './page/documents.mjs';
import { sharedBrowser } from './parts/browser.mjs';
import { FILMS } from './parts/films.mjs';
import { temporaryFolder } from './parts/folder.mjs';
import { contents, inStep, open, reloadPage, SOON, TEST, visit } from './parts/page.mjs';
import { servePages } from './parts/pages.mjs';
import { places } from './parts/places.mjs';
import { startServer, TOKEN } from './parts/sync-server.mjs';

/** What is refused, with which code and which of the facts. */
const BAD_INPUT = {
  'a collection that is not there': { code: 'unknown_collection', details: { collection: 'nope' } },
  'a query of a collection that is not there': {
    code: 'unknown_collection',
    details: { collection: 'nope' },
  },
  'a field that is not there': {
    code: 'unknown_field',
    details: { collection: 'films', field: 'colour' },
  },
  'a condition on a field that is not there': {
    code: 'unknown_field',
    details: { collection: 'films', field: 'colour' },
  },
  'an operator that is not there': { code: 'unknown_operator', details: { operator: '~' } },
  'a number for a text': badValue('title', 'whole number 5'),
  'a fraction for a whole number': badValue('votes', 'number 1.5'),
  'NaN for a number': badValue('rating', 'NaN'),
  'an unpaired surrogate': badValue('title', 'string with an unpaired surrogate'),
  'a missing required field': {
    code: 'missing_field',
    details: { collection: 'films', field: 'title' },
  },
  'an id that is taken': { code: 'exists', details: { collection: 'films', id: 'h' } },
  'an update of nothing': { code: 'not_found', details: { collection: 'films', id: 'nobody' } },
  'a document over 256 KiB': {
    code: 'document_too_large',
    details: { collection: 'films', id: 'large' },
  },
  'a transaction over 16 MiB': { code: 'transaction_too_large', details: {} },
};

function badValue(field, found) {
  return { code: 'bad_value', details: { collection: 'films', field, found } };
}

for (const { name, rung, where } of places) {
  describe(`smoke in ${where}`, { timeout: 300_000 }, () => {
    let pages;
    let server;
    let browser;
    let page;
    /** How the tests open the database that has a server. */
    let synced;

    before(async () => {
      const folder = temporaryFolder();
      pages = await servePages({ rung });
      server = await startServer({ folder, origin: pages.origin });
      browser = await sharedBrowser(name);
      synced = { name: 'smoke', sync: { url: server.url, space: 'smoke' }, token: TOKEN };
      page = await browser.newPage();
    }, TEST);
    after(async () => {
      await page?.close();
      await server?.kill();
      pages?.close();
    }, TEST);

    test('importing the package does nothing', TEST, async () => {
      await page.goto(`${pages.origin}/blank.html`);
      const { added, calls } = await page.evaluate(importUnderWatch);
      assert.deepEqual({ added, calls }, { added: [], calls: [] });
      const loaded = pages.requests.filter((path) => path.startsWith('/dist/'));
      assert.ok(loaded.includes('/dist/index.js'), 'the package was loaded');
      const engine = loaded.filter((path) => /worker|wasm|in-place/.test(path));
      assert.deepEqual(engine, [], 'no engine was loaded');
    });

    test('a database opens and says where it keeps its data', TEST, async (t) => {
      await visit(page, pages.origin);
      const { storage, ms } = await open(page, synced);
      const { kind, durable, state, message } = storage;
      assert.deepEqual(
        { kind, durable, state, message },
        { kind: rung, durable: true, state: 'ok', message: null },
      );
      t.diagnostic(`first open: ${ms.toFixed(0)} ms`);
    });

    test('a live query moves by patch and keeps the rows that did not change', TEST, async () => {
      const seen = await page.evaluate(moveLiveQuery);
      const none = { removes: [], moves: [], inserts: [], updates: [] };
      const steps = seen.map(({ titles, patch }) => ({ titles, patch }));
      assert.deepEqual(steps, [
        { titles: ['Alien', 'Heat', 'Ran'], patch: null },
        // Its rating puts it first; it is an update of the row that moved.
        {
          titles: ['Ran', 'Alien', 'Heat'],
          patch: { ...none, moves: [[2, 0]], updates: [[0, ['rating']]] },
        },
        { titles: ['Ran', 'Aliens', 'Heat'], patch: { ...none, updates: [[1, ['title']]] } },
        { titles: ['Ran', 'Aliens', 'Brazil', 'Heat'], patch: { ...none, inserts: [2] } },
        { titles: ['Ran', 'Brazil', 'Heat'], patch: { ...none, removes: [1] } },
      ]);
      const same = seen.map(({ same }) => same);
      assert.deepEqual(same, [
        [],
        ['Alien', 'Heat'],
        ['Ran', 'Heat'],
        ['Ran', 'Aliens', 'Heat'],
        ['Ran', 'Brazil', 'Heat'],
      ]);
    });

    test('bytes, JSON and awkward names come back as they were', TEST, async () => {
      assert.equal(await page.evaluate(writeOdds), textOf(odds()));
    });

    test('bad input is refused with typed errors and changes nothing', TEST, async () => {
      const before = await contents(page, 'films');
      const errors = await page.evaluate(sendBadInput);
      for (const [what, { code, details }] of Object.entries(BAD_INPUT)) {
        const error = errors[what];
        assert.ok(error?.isHolm, `${what}: expected a HolmError, got ${JSON.stringify(error)}`);
        assert.equal(error.code, code, `${what}: ${error.message}`);
        for (const [key, value] of Object.entries(details)) {
          assert.deepEqual(error.details[key], value, `${what}: details.${key}`);
        }
      }
      assert.equal(Object.keys(errors).length, Object.keys(BAD_INPUT).length);
      assert.deepEqual(await contents(page, 'films'), before);
    });

    test('writes reach the server, and another replica by its live query', TEST, async () => {
      const titles = await page.evaluate(
        async (options) => {
          app.other = await app.create(options);
          app.heard = [];
          app.other.query.films.orderBy('title').subscribe(({ rows }) => {
            app.heard.push(rows.map(({ title }) => title));
          });
          await app.db.mutate.films.insert({ id: 'new', title: 'Zardoz' }).accepted;
        },
        { ...synced, name: 'other' },
      );
      assert.equal(titles, undefined);
      await page.waitFor(() => app.heard.at(-1)?.join() === 'Brazil,Heat,Ran,Zardoz', {
        ...SOON,
        what: 'the films of the first replica in the live query of the second',
      });
      const [one, other] = await page.evaluate(async () => [
        [await app.contents('films'), await app.contents('odds')],
        [await app.contents('films', app.other), await app.contents('odds', app.other)],
      ]);
      assert.deepEqual(other, one);
      await page.evaluate(() => app.other.close());
    });

    test('after a reload the data is there', TEST, async (t) => {
      await inStep(page);
      const before = [await contents(page, 'films'), await contents(page, 'odds')];
      await server.stop();
      await reloadPage(page);
      const { storage, ms } = await open(page, synced);
      assert.equal(storage.cutBytes, 0);
      assert.deepEqual([await contents(page, 'films'), await contents(page, 'odds')], before);
      assert.equal(await page.evaluate(readOdds), textOf(odds()));
      await server.start();
      await inStep(page);
      t.diagnostic(`open after the reload: ${ms.toFixed(0)} ms`);
    });

    test('a new page is answered for itself, not as the page before it', TEST, async () => {
      const written = [];
      for (const round of [1, 2, 3]) {
        await reloadPage(page);
        await open(page, synced);
        // The same requests in the same order as the page before, for other documents.
        const ids = await page.evaluate(async (round) => {
          const writes = [1, 2, 3].map((n) => {
            return app.db.mutate.marks.insert({ id: `${round}-${n}`, n: round, k: n, text: '' });
          });
          await Promise.all(writes.map(({ saved }) => saved));
          const rows = await app.db.query.marks.where('n', '=', round).get();
          return rows.map(({ id }) => id);
        }, round);
        assert.deepEqual(ids, [`${round}-1`, `${round}-2`, `${round}-3`]);
        written.push(...ids);
        await inStep(page);
      }
      const all = await page.evaluate(() => app.db.query.marks.get());
      assert.deepEqual(
        all.map(({ id }) => id),
        written,
      );
    });

    test('3,201 films are inserted without holding up the page', TEST, async (t) => {
      const { insertMs, idleMs, gapMs, openMs } = await page.evaluate(insertAllFilms);
      const { count, digest } = await contents(page, 'films');
      assert.deepEqual({ count, digest }, { count: FILMS.length, digest: await digestOf(FILMS) });
      t.diagnostic(`3,201 films saved in ${insertMs.toFixed(0)} ms; open: ${openMs.toFixed(0)} ms`);
      t.diagnostic(`longest gap of the page: ${gapMs.toFixed(0)} ms, idle ${idleMs.toFixed(0)} ms`);
      // Loose, for a busy machine: a page that waits for the engine stands still all that time.
      assert.ok(gapMs < Math.max(insertMs, 1_000), `the page stood still for ${gapMs} ms`);
    });
  });
}

// The functions below run in the page.

async function importUnderWatch() {
  const calls = [];
  const restore = [];
  const watch = (owner, key) => {
    const real = owner?.[key];
    if (!real) return;
    owner[key] = new Proxy(real, {
      apply: (target, self, args) => calls.push(key) && Reflect.apply(target, self, args),
      construct: (target, args) => calls.push(key) && Reflect.construct(target, args),
    });
    restore.push(() => {
      owner[key] = real;
    });
  };
  const globals = ['Worker', 'SharedWorker', 'WebSocket', 'BroadcastChannel', 'fetch'];
  globals.push('setTimeout', 'setInterval', 'queueMicrotask', 'addEventListener');
  for (const key of globals) watch(globalThis, key);
  watch(document, 'addEventListener');
  watch(navigator.locks, 'request');
  watch(navigator.storage, 'getDirectory');
  watch(indexedDB, 'open');
  watch(crypto, 'getRandomValues');
  const known = new Set(Reflect.ownKeys(globalThis));
  await import('/dist/index.js');
  const added = Reflect.ownKeys(globalThis).filter((key) => !known.has(key));
  for (const undo of restore) undo();
  return { added: added.map(String), calls };
}

async function moveLiveQuery() {
  const { films } = app.db.mutate;
  await films.insert({ id: 'a', title: 'Alien', rating: 8 }).saved;
  await films.insert({ id: 'h', title: 'Heat', rating: 7 }).saved;
  await films.insert({ id: 'r', title: 'Ran', rating: 6 }).saved;
  const seen = [];
  let heard = () => {};
  const next = () =>
    new Promise((resolve) => {
      heard = resolve;
    });
  let before = [];
  const first = next();
  const query = app.db.query.films.where('rating', '>', 5).orderBy('rating', 'desc');
  const stop = query.subscribe(({ rows, patch }) => {
    const same = rows.filter((row) => before.includes(row)).map(({ title }) => title);
    before = rows;
    seen.push({
      titles: rows.map(({ title }) => title),
      same,
      patch: patch && {
        ...patch,
        inserts: patch.inserts.map(({ at }) => at),
        updates: patch.updates.map(({ at, fields }) => [at, fields]),
      },
    });
    heard();
  });
  await first;
  const steps = [
    () => films.update('r', { rating: 9 }),
    () => films.update('a', { title: 'Aliens' }),
    () => films.insert({ id: 'b', title: 'Brazil', rating: 7.5 }),
    () => films.delete('a'),
    // Out of the query's sight: nobody is called.
    () => films.insert({ id: 'low', title: 'Low', rating: 1 }),
    () => films.delete('low'),
  ];
  for (const step of steps.slice(0, 4)) {
    const patched = next();
    await step().saved;
    await patched;
  }
  for (const step of steps.slice(4)) await step().saved;
  await app.db.query.films.get();
  stop();
  return seen;
}

async function writeOdds() {
  for (const document of app.odds()) await app.db.mutate.odds.insert(document).saved;
  return app.textOf(await app.db.query.odds.get());
}

async function readOdds() {
  return app.textOf(await app.db.query.odds.get());
}

async function sendBadInput() {
  const { mutate, query } = app.db;
  const large = 'x'.repeat(220_000);
  const many = Array.from({ length: 80 }, (_, at) => ({ id: `many-${at}`, title: large }));
  const calls = {
    'a collection that is not there': () => mutate.nope.insert({}).saved,
    'a query of a collection that is not there': () => query.nope.get(),
    'a field that is not there': () => mutate.films.insert({ title: 'x', colour: 'red' }).saved,
    'a condition on a field that is not there': () => query.films.where('colour', '=', 1).get(),
    'an operator that is not there': () => query.films.where('title', '~', 'x').get(),
    'a number for a text': () => mutate.films.insert({ title: 5 }).saved,
    'a fraction for a whole number': () => mutate.films.insert({ title: 'x', votes: 1.5 }).saved,
    'NaN for a number': () => mutate.films.update('h', { rating: Number.NaN }).saved,
    'an unpaired surrogate': () => mutate.films.update('h', { title: 'x\ud800' }).saved,
    'a missing required field': () => mutate.films.insert({ rating: 1 }).saved,
    'an id that is taken': () => mutate.films.insert({ id: 'h', title: 'again' }).saved,
    'an update of nothing': () => mutate.films.update('nobody', { rating: 1 }).saved,
    'a document over 256 KiB': () =>
      mutate.films.insert({ id: 'large', title: large + large }).saved,
    'a transaction over 16 MiB': () => mutate.films.insertMany(many, { atomic: true }).saved,
  };
  const errors = {};
  for (const [what, call] of Object.entries(calls)) errors[what] = await app.errorOf(call);
  return errors;
}

async function insertAllFilms() {
  const films = await app.films();
  await app.db.close();
  const { ms: openMs } = await app.open({ name: 'films' });
  let longest = 0;
  let last = performance.now();
  const beat = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 4);
  const rest = () => {
    const gap = longest;
    longest = 0;
    return gap;
  };
  await new Promise((resolve) => setTimeout(resolve, 200));
  const idleMs = rest();
  const began = performance.now();
  await app.db.mutate.films.insertMany(films).saved;
  const insertMs = performance.now() - began;
  const gapMs = rest();
  clearInterval(beat);
  return { insertMs, idleMs, gapMs, openMs };
}
