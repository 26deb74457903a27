// What becomes of a database whose files a crash tore or a disk spoilt: nothing is served that
// was not written, and what can still be read can be taken out.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { digestOf, textOf } from './page/documents.mjs';
import { sharedBrowser } from './parts/browser.mjs';
import { FILMS } from './parts/films.mjs';
import { contents, open, openPage, SOON, TEST } from './parts/page.mjs';
import { servePages } from './parts/pages.mjs';
import { places } from './parts/places.mjs';

/** Smaller than a memtable, so that all documents are in the log. */
const FEW = FILMS.slice(0, 900);
const TORN_BYTES = 5_000;

for (const { name, rung, where } of places) {
  describe(`damage in ${where}`, { timeout: 300_000 }, () => {
    let pages;
    let browser;
    let page;

    before(async () => {
      pages = await servePages({ rung });
      browser = await sharedBrowser(name);
      page = await openPage(browser, pages.origin);
    }, TEST);
    after(async () => {
      await page?.close();
      pages?.close();
    }, TEST);

    /** A closed database with so many films. */
    async function fill(database, count) {
      await open(page, { name: database });
      await page.evaluate(async (films) => {
        await app.db.mutate.films.insertMany((await app.films()).slice(0, films)).saved;
      }, count);
    }

    /** Opens what was spoilt, which is for reading only, and takes out what can be read. */
    async function takeOut(database) {
      const { storage } = await open(page, { name: database });
      assert.equal(storage.state, 'damaged');
      assert.match(storage.message, /damage/i);
      return readOnly();
    }

    async function readOnly() {
      const error = await page.evaluate(() => {
        return app.errorOf(() => app.db.mutate.films.insert({ title: 'Too late' }).saved);
      });
      assert.equal(error?.code, 'storage_damaged');
      const lines = await page.evaluate(async () => {
        const text = await new Response(app.db.export()).text();
        await app.db.close();
        return text.split('\n').filter((line) => line !== '');
      });
      const all = lines.map((line) => JSON.parse(line));
      const films = all.filter((one) => one.collection === 'films');
      const originals = new Map(FILMS.map((film) => [film.id, textOf(film)]));
      const wrong = films.filter(
        ({ id, fields }) => originals.get(id) !== textOf({ id, ...fields }),
      );
      assert.deepEqual(wrong, [], 'what was taken out is what was written');
      return films.length;
    }

    test('a torn tail of the log is cut and told, and no document is missing', TEST, async () => {
      await fill('torn', FEW.length);
      await page.evaluate(() => app.db.close());
      await page.evaluate(tearTail, rung, 'torn', TORN_BYTES);
      const { storage } = await open(page, { name: 'torn' });
      const { state, cutBytes } = storage;
      assert.deepEqual({ state, cutBytes }, { state: 'ok', cutBytes: TORN_BYTES });
      const wanted = { count: FEW.length, digest: await digestOf(FEW) };
      assert.deepEqual(await contents(page, 'films'), wanted);
      await page.evaluate(() => app.db.close());
    });

    test('of a spoilt log everything else can be taken out', TEST, async (t) => {
      await fill('spoilt-log', FEW.length);
      await page.evaluate(() => app.db.close());
      await page.evaluate(spoil, [rung, 'spoilt-log'], 'log-', 0.5);
      const count = await takeOut('spoilt-log');
      assert.ok(count > 0, 'some can be read');
      assert.ok(count < FEW.length, 'not those in the damaged place');
      t.diagnostic(`${count} of ${FEW.length} films taken out`);
    });

    test('of a spoilt run everything else can be taken out', TEST, async (t) => {
      await fill('spoilt-run', FILMS.length);
      await settled(page, rung, 'spoilt-run');
      await page.evaluate(spoil, [rung, 'spoilt-run'], 'run-', 0.4);
      const { storage } = await open(page, { name: 'spoilt-run' });
      assert.equal(storage.state, 'ok', 'runs are read when they are needed');
      const error = await page.evaluate(() => app.errorOf(() => app.contents('films')));
      assert.equal(error?.code, 'storage_damaged');
      assert.equal(await page.evaluate(() => app.db.status.current.storage.state), 'damaged');
      const count = await readOnly();
      assert.ok(count > FILMS.length * 0.9, `only ${count}`);
      assert.ok(count < FILMS.length, 'not those in the damaged place');
      t.diagnostic(`${count} of ${FILMS.length} films taken out`);
    });

    test('runs are found without the log that names them', TEST, async (t) => {
      await fill('lost-log', FILMS.length);
      await settled(page, rung, 'lost-log');
      await page.evaluate(spoil, [rung, 'lost-log'], 'log-', 0);
      const count = await takeOut('lost-log');
      assert.ok(count > FILMS.length * 0.5, `only ${count}`);
      t.diagnostic(`${count} of ${FILMS.length} films taken out`);
    });
  });
}

/** Waits until a run was made and nothing else is; then closes the database. */
async function settled(page, rung, database) {
  await page.waitFor(
    async (...place) => {
      const names = await app.fileNames(...place);
      const [log, run, ...others] = names.filter((name) => /^(log|run)-/.test(name)).sort();
      return log?.startsWith('log-') && run?.startsWith('run-') && others.length === 0;
    },
    { ...SOON, what: 'a run in the place of the logs', args: [rung, database] },
  );
  await page.evaluate(() => app.db.close());
}

// The functions below run in the page, while the database is closed.

/** What a crash leaves: the first bytes of a group, and then none of what should be there. */
async function tearTail(rung, database, count) {
  const [name, bytes] = (await app.readFiles(rung, database, 'log-')).at(-1);
  const torn = new Uint8Array(bytes.length + count);
  torn.set(bytes);
  torn.set(bytes.subarray(16, 16 + 40), bytes.length);
  await app.writeFile(rung, database, name, torn);
}

/** One bit of the largest file of a kind, so far in it. */
async function spoil(place, beginning, part) {
  const files = await app.readFiles(...place, beginning);
  const [[name, bytes]] = files.sort(([, a], [, b]) => b.length - a.length);
  bytes[Math.floor(bytes.length * part)] ^= 1;
  await app.writeFile(...place, name, bytes);
}
