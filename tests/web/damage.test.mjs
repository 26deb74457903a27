// What becomes of a database whose files a crash tore or a disk spoilt: nothing is served that
// was not written, and what can still be read can be taken out.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch } from './drivers/index.mjs';
import { digestOf, textOf } from './page/documents.mjs';
import { FILMS } from './parts/films.mjs';
import { temporaryFolder } from './parts/folder.mjs';
import { contents, open, openPage, TEST } from './parts/page.mjs';
import { servePages } from './parts/pages.mjs';
import { places } from './parts/places.mjs';

const DATABASE = { name: 'damage' };
const TORN_BYTES = 5_000;

for (const { name, rung, where } of places) {
  describe(`damage in ${where}`, { timeout: 300_000 }, () => {
    let pages;
    let browser;
    let page;

    before(async () => {
      pages = await servePages({ rung });
      browser = await launch(name, { profileDir: `${temporaryFolder()}/profile` });
      page = await openPage(browser, pages.origin);
      await open(page, DATABASE);
      await page.evaluate(async () => {
        await app.db.mutate.films.insertMany(await app.films()).saved;
        await app.db.close();
      });
    }, TEST);
    after(async () => {
      await browser?.close();
      pages?.close();
    }, TEST);

    test('a torn tail of the log is cut and told, and no document is missing', TEST, async () => {
      await page.evaluate(tearTail, rung, TORN_BYTES);
      const { storage } = await open(page, DATABASE);
      const { state, cutBytes } = storage;
      assert.deepEqual({ state, cutBytes }, { state: 'ok', cutBytes: TORN_BYTES });
      const wanted = { count: FILMS.length, digest: await digestOf(FILMS) };
      assert.deepEqual(await contents(page, 'films'), wanted);
      await page.evaluate(() => app.db.close());
    });

    test(
      'a spoilt log opens for reading only, and its documents can be taken out',
      TEST,
      async (t) => {
        await page.evaluate(spoilMiddle, rung);
        const { storage } = await open(page, DATABASE);
        assert.equal(storage.state, 'damaged');
        assert.match(storage.message, /damage/i);
        const error = await page.evaluate(() => {
          return app.errorOf(() => app.db.mutate.films.insert({ title: 'Too late' }).saved);
        });
        assert.equal(error?.code, 'storage_damaged');
        const lines = await page.evaluate(async () => {
          const lines = [];
          for await (const line of app.db.export()) lines.push(line);
          return lines;
        });
        const films = lines
          .map((line) => JSON.parse(line))
          .filter((one) => one.collection === 'films');
        const originals = new Map(FILMS.map((film) => [film.id, textOf(film)]));
        const wrong = films.filter(
          ({ id, fields }) => originals.get(id) !== textOf({ id, ...fields }),
        );
        assert.deepEqual(wrong, [], 'what was taken out is what was written');
        assert.ok(films.length > 0, 'some can be read');
        assert.ok(films.length < FILMS.length, 'not those behind the damage');
        t.diagnostic(`${films.length} of ${FILMS.length} films taken out`);
      },
    );
  });
}

// The functions below run in the page, while the database is closed.

/** What a crash leaves: the first bytes of a group, and then none of what should be there. */
async function tearTail(rung, count) {
  const [name, bytes] = (await app.readLogs(rung, 'damage')).at(-1);
  const torn = new Uint8Array(bytes.length + count);
  torn.set(bytes);
  torn.set(bytes.subarray(16, 16 + 40), bytes.length);
  await app.writeFile(rung, 'damage', name, torn);
}

/** One bit of the largest log, in its middle. */
async function spoilMiddle(rung) {
  const logs = await app.readLogs(rung, 'damage');
  const [[name, bytes]] = logs.sort(([, a], [, b]) => b.length - a.length);
  bytes[Math.floor(bytes.length / 2)] ^= 1;
  await app.writeFile(rung, 'damage', name, bytes);
}
