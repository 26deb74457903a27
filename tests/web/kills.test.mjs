// What was saved is there after a kill: of the browser's process, of the worker, of the page; in
// the midst of a write, of a flush, of a compaction, of an opening. A kill counts only if writes
// were in flight whose outcome nobody had been told.
//
// Each round kills once in each way that a place has; HOLM_KILLS is how many must count in all.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { browserNames, launch } from './drivers/index.mjs';
import { until } from './drivers/wait.mjs';
import { temporaryFolder } from './parts/folder.mjs';
import { Ledger } from './parts/ledger.mjs';
import { open, openPage, reloadPage, SOON, TEST } from './parts/page.mjs';
import { servePages } from './parts/pages.mjs';
import { places } from './parts/places.mjs';
import { MOMENTS, placeOf, stopping } from './parts/stop.mjs';

/** `any`: at no chosen place, at a time that is nobody's choice. */
const ANY = 'any';
/** Ways that cost no start of a browser. */
const CHEAP = ['worker', 'page'].flatMap((kind) => MOMENTS.map((moment) => ({ kind, moment })));
const ofProcess = (...moments) => moments.map((moment) => ({ kind: 'process', moment }));
const WAYS = {
  'chromium on opfs': [...CHEAP, ...ofProcess('write', 'compaction', ANY, ANY)],
  'chromium on indexeddb': [...CHEAP, ...ofProcess('flush', 'open', ANY, ANY)],
  'firefox on opfs': [...CHEAP, ...ofProcess('compaction', ANY)],
  'firefox on indexeddb': [...CHEAP, ...ofProcess('flush', ANY)],
  // A profile of WebKitGTK lives as long as its process.
  'webkit on indexeddb': CHEAP,
};
const FLOOR = Number(process.env.HOLM_KILLS ?? 24);
const KILLS_A_ROUND = Object.values(WAYS).flat().length;
const ROUNDS = Math.ceil(FLOOR / KILLS_A_ROUND);
const ATTEMPTS_MAX = 3;

/** What was attempted and what counted, by way. */
const tally = new Map();

function note({ kind, moment }, what) {
  const way = `${kind} in ${moment}`;
  const row = tally.get(way) ?? { attempted: 0, counted: 0 };
  row[what] += 1;
  tally.set(way, row);
}

for (const name of browserNames) {
  describe(`kills in ${name}`, { timeout: 60_000 + 240_000 * ROUNDS }, () => {
    const profileDir = `${temporaryFolder()}/profile`;
    let pages;
    let browser;
    let page;
    let database;
    let ledger;

    /** The test page, whose workers can be killed. */
    async function newPage() {
      page = await openPage(browser, pages.origin);
      await page.evaluate(watchWorkers);
    }

    async function start() {
      browser = await launch(name, { profileDir });
      // WebKit ends with its last page.
      if (name === 'webkit') await browser.newPage();
    }

    async function reopen() {
      pages.prelude = stopping();
      const { storage } = await open(page, database);
      assert.equal(storage.kind, pages.rung);
      assert.equal(storage.state, 'ok', `the store is ${storage.state}: ${storage.message}`);
    }

    const killWorkers = () => page.evaluate(() => app.killWorkers());
    const KILL = {
      async worker(moment) {
        await killWorkers();
        // A page waits for its own openings, and of this one it will never hear.
        if (moment === 'open') await reloadPage(page);
        if (moment === 'open') await page.evaluate(watchWorkers);
      },
      async page() {
        await page.close();
        await newPage();
      },
      async process() {
        await browser.killProcess();
        await start();
        await newPage();
      },
    };

    before(start, TEST);
    after(() => browser?.close(), TEST);
    afterEach(async () => {
      await page?.close();
      pages?.close();
    }, TEST);

    /** Resolves when a worker has stopped at its place; `bring` makes it go there. */
    async function stopped(place, bring) {
      const before = pages.stops;
      await bring();
      const what = `the worker to come to ${JSON.stringify(place)}`;
      const isThere = async () => {
        // A write that has failed would be waited for in vain.
        await ledger.hear();
        return pages.stops > before;
      };
      await until(isThere, { ...SOON, what });
    }

    /** Writes, and stops in the midst of it; for an opening, in the one after the writing. */
    async function writeUntil(moment) {
      const place = moment === ANY ? null : placeOf(pages.rung, moment);
      if (MOMENTS.includes(moment) && moment !== 'open') {
        await page.evaluate(sendPlace, place);
        return stopped(place, () => ledger.begin(page));
      }
      await ledger.begin(page);
      await ledger.savedInRound(1 + Math.floor(Math.random() * 40));
      if (moment === ANY) return;
      await killWorkers();
      pages.prelude = stopping(place);
      await stopped(place, () => page.evaluate(openInVain, database));
    }

    async function kill({ kind, moment }) {
      await writeUntil(moment);
      if (moment !== ANY) await ledger.hear();
      const inFlight = ledger.inFlight();
      await KILL[kind](moment);
      pages.forgetStopped();
      await reopen();
      await ledger.check(page, `after a kill of the ${kind} in ${moment}`);
      return inFlight;
    }

    async function killUntilItCounts(way) {
      for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
        note(way, 'attempted');
        if ((await kill(way)) > 0) return note(way, 'counted');
      }
      throw new Error(`no kill of the ${way.kind} in ${way.moment} met a write in flight`);
    }

    for (const { rung, where } of places.filter((place) => place.name === name)) {
      for (let round = 1; round <= ROUNDS; round += 1) {
        const ways = WAYS[where];
        test(`${ways.length} kills on ${rung}, round ${round}, lose nothing`, async (t) => {
          const began = performance.now();
          pages = await servePages({ rung });
          ledger = new Ledger();
          database = { name: 'killed' };
          await newPage();
          await reopen();
          for (const way of ways) await killUntilItCounts(way);
          await page.evaluate(closeAndRemove, database);
          const seconds = ((performance.now() - began) / 1000).toFixed(1);
          t.diagnostic(`${ledger.savedCount} writes saved, 0 lost, ${seconds} s`);
        });
      }
    }
  });
}

test('kills of every kind and moment have counted', (t) => {
  let counted = 0;
  for (const [way, row] of [...tally].sort()) {
    t.diagnostic(`${way}: ${row.attempted} attempted, ${row.counted} counted`);
    counted += row.counted;
  }
  t.diagnostic(`${counted} kills counted in all`);
  for (const { kind, moment } of places.flatMap(({ where }) => WAYS[where])) {
    assert.ok(tally.get(`${kind} in ${moment}`)?.counted > 0, `no ${kind} in ${moment}`);
  }
  if (browserNames.length === 3) assert.ok(counted >= FLOOR, `${counted} of ${FLOOR}`);
});

// The functions below run in the page.

/**
 * Keeps the workers to come, to kill them. They die unnoticed, since the tests open the database
 * again themselves: by which lock a worker would be missed is not heard.
 */
function watchWorkers() {
  const workers = [];
  const Real = Worker;
  globalThis.Worker = class extends Real {
    constructor(...given) {
      super(...given);
      workers.push(this);
    }
    set onmessage(hear) {
      super.onmessage = (event) => typeof event.data === 'string' || hear(event);
    }
  };
  app.killWorkers = () => {
    for (const worker of workers.splice(0)) worker.terminate();
  };
}

/** In the order of messages, the worker has it before it is asked to write. */
function sendPlace(place) {
  new BroadcastChannel('stop').postMessage(place);
}

/** Where the killed worker takes its time to die, once more. */
function openInVain(database) {
  const tryToOpen = async () => {
    const error = await app.errorOf(() => app.open(database));
    if (error?.retryable) await tryToOpen();
  };
  tryToOpen();
}

async function closeAndRemove({ name }) {
  await app.db.close();
  await app.removeDatabase(name);
}
