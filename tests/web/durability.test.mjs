// What was saved is there after a reload, at rest and in mid-write.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { digestOf } from './page/documents.mjs';
import { sharedBrowser } from './parts/browser.mjs';
import { FILMS } from './parts/films.mjs';
import { Ledger } from './parts/ledger.mjs';
import { contents, open, openPage, reloadPage, TEST } from './parts/page.mjs';
import { servePages } from './parts/pages.mjs';
import { places } from './parts/places.mjs';

const RELOADS = 5;
const DATABASE = { name: 'durable' };

for (const { name, rung, where } of places) {
  describe(`durability in ${where}`, { timeout: 180_000 }, () => {
    const ledger = new Ledger();
    let pages;
    let browser;
    let page;

    async function reopen() {
      const { storage, ms } = await open(page, DATABASE);
      assert.equal(storage.kind, rung);
      assert.equal(storage.state, 'ok', `the store is ${storage.state}: ${storage.message}`);
      return { ms, cutBytes: storage.cutBytes };
    }

    before(async () => {
      pages = await servePages({ rung });
      browser = await sharedBrowser(name);
      page = await openPage(browser, pages.origin);
      await reopen();
    }, TEST);
    after(async () => {
      await page?.close();
      pages?.close();
    }, TEST);

    async function filmsAreThere(when) {
      const wanted = { count: FILMS.length, digest: await digestOf(FILMS) };
      assert.deepEqual(await contents(page, 'films'), wanted, `${when}: the films`);
    }

    test('3,201 films are there after a reload', TEST, async (t) => {
      const insertMs = await page.evaluate(async () => {
        const films = await app.films();
        const began = performance.now();
        await app.db.mutate.films.insertMany(films).saved;
        return performance.now() - began;
      });
      await reloadPage(page);
      const { ms, cutBytes } = await reopen();
      await filmsAreThere('after the reload');
      assert.equal(cutBytes, 0);
      t.diagnostic(`saved in ${insertMs.toFixed(0)} ms, opened again in ${ms.toFixed(0)} ms`);
    });

    test(`${RELOADS} reloads in mid-write lose nothing that was saved`, async (t) => {
      const inFlight = [];
      for (let round = 1; round <= RELOADS; round += 1) {
        await ledger.begin(page);
        await ledger.savedInRound(1 + Math.floor(Math.random() * 30));
        await reloadPage(page);
        inFlight.push(ledger.inFlight());
        await reopen();
        await ledger.check(page, `after reload ${round}`);
      }
      assert.ok(Math.max(...inFlight) > 0, 'no reload came in mid-write');
      t.diagnostic(`writes saved so far: ${ledger.savedCount}; in flight: ${inFlight.join(' ')}`);
    });
  });
}
