// What was saved is there after a reload, after a crash of the browser in mid-write, and after a
// crash in mid-recovery. HOLM_KILLS is how many crashes must count.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { launch } from './drivers/index.mjs';
import { digestOf } from './page/documents.mjs';
import { FILMS } from './parts/films.mjs';
import { temporaryFolder } from './parts/folder.mjs';
import { Ledger } from './parts/ledger.mjs';
import { contents, open, openPage, reloadPage, TEST } from './parts/page.mjs';
import { servePages } from './parts/pages.mjs';
import { places } from './parts/places.mjs';

const given = process.env.HOLM_KILLS;
const KILLS = { chromium: Number(given ?? 6), firefox: Number(given ?? 2) };
const RELOADS = 10;
const DATABASE = { name: 'durable' };

// A profile of WebKitGTK lives as long as its process.
for (const { name, rung, where } of places.filter(({ name }) => name in KILLS)) {
  describe(`durability in ${where}`, { timeout: 60_000 + 60_000 * KILLS[name] }, () => {
    const profileDir = `${temporaryFolder()}/profile`;
    const ledger = new Ledger();
    let pages;
    let browser;
    let page;

    /** The browser, its page and the database, on the profile that is there. */
    async function restart() {
      browser = await launch(name, { profileDir });
      page = await openPage(browser, pages.origin);
      return reopen();
    }

    async function reopen() {
      const { storage, ms } = await open(page, DATABASE);
      assert.equal(storage.kind, rung);
      assert.equal(storage.state, 'ok', `the store is ${storage.state}: ${storage.message}`);
      return { ms, cutBytes: storage.cutBytes };
    }

    before(async () => {
      pages = await servePages({ rung });
      await restart();
    }, TEST);
    after(async () => {
      await browser?.close();
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

    test(`${KILLS[name]} crashes in mid-write lose nothing that was saved`, async (t) => {
      let counted = 0;
      for (let kill = 1; counted < KILLS[name]; kill += 1) {
        assert.ok(kill <= 2 * KILLS[name], `only ${counted} of ${kill - 1} crashes hit a write`);
        await ledger.begin(page);
        await ledger.savedInRound(1 + Math.floor(Math.random() * 60));
        await browser.killProcess();
        const inFlight = ledger.inFlight();
        if (inFlight > 0) counted += 1;
        if (kill % 3 === 0) await crashWhileOpening();
        const { ms, cutBytes } = await restart();
        await ledger.check(page, `after crash ${kill}`);
        await filmsAreThere(`after crash ${kill}`);
        const facts = `${inFlight} writes in flight, ${cutBytes} bytes cut`;
        t.diagnostic(`crash ${kill}: ${facts}, open in ${ms.toFixed(0)} ms`);
      }
      t.diagnostic(`${counted} crashes counted, ${ledger.savedCount} writes saved in all`);
    });

    /** A crash at a moment of recovery that is nobody's choice. */
    async function crashWhileOpening() {
      browser = await launch(name, { profileDir });
      page = await openPage(browser, pages.origin);
      const opening = open(page, DATABASE).catch(() => {});
      await Promise.race([opening, pause(Math.random() * 80)]);
      await browser.killProcess();
    }
  });
}
