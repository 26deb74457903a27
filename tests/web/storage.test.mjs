// The storage ladder in browsers: where a database lives and stays, what is full, how much room
// there is.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { browserNames, launch } from './drivers/index.mjs';
import { digestOf } from './page/documents.mjs';
import { FILMS } from './parts/films.mjs';
import { temporaryFolder } from './parts/folder.mjs';
import { contents, open, openPage, reloadPage, SOON, TEST } from './parts/page.mjs';
import { servePages } from './parts/pages.mjs';
import { places } from './parts/places.mjs';

const QUOTA_BYTES = 24 << 20;
/** What stops a worker for good in the middle of a move: at a file, or at the new home's record. */
const stalling = (type, method, isLast) => `{
  const { ${method} } = ${type}.prototype;
  let calls = 0;
  ${type}.prototype.${method} = function (...args) {
    calls += 1;
    return (${isLast}) ? new Promise(() => {}) : ${method}.apply(this, args);
  };
}
`;
const STALLS = [
  stalling('FileSystemFileHandle', 'createSyncAccessHandle', 'calls === 1'),
  stalling('FileSystemFileHandle', 'createSyncAccessHandle', 'calls === 2'),
  stalling('FileSystemDirectoryHandle', 'getFileHandle', 'args[0].startsWith("home-opfs")'),
  stalling('FileSystemDirectoryHandle', 'getFileHandle', 'args[0].endsWith("-1-shared")'),
];
/** Documents in each transaction that fills it. */
const BATCH = 5;

for (const name of browserNames) {
  const hasOpfs = name !== 'webkit';
  describe(`storage in ${name}`, { timeout: 300_000 }, () => {
    let pages;
    let browser;
    let page;

    before(async () => {
      pages = await servePages();
      browser = await launch(name, { profileDir: `${temporaryFolder()}/profile` });
      page = await openPage(browser, pages.origin);
    }, TEST);
    after(async () => {
      await browser?.close();
      pages?.close();
    }, TEST);

    /** A page whose worker finds nothing above the rung. */
    async function reloadOn(rung) {
      pages.rung = rung;
      await reloadPage(page);
    }

    const writeMark = (id) => page.evaluate(insertMark, id);
    const marks = () => page.evaluate(readMarks);

    if (hasOpfs) {
      test('a database in IndexedDB moves to OPFS where that appears', TEST, async (t) => {
        await reloadOn('indexeddb');
        assert.equal((await open(page, { name: 'low' })).storage.kind, 'indexeddb');
        await page.evaluate(insertFilms);
        await writeMark('before');
        await reloadPage(page);
        const before = await open(page, { name: 'low' });
        await reloadOn('opfs');
        const moved = await open(page, { name: 'low' });
        assert.equal(moved.storage.kind, 'opfs');
        assert.deepEqual(await marks(), ['before']);
        await writeMark('after');
        await reloadPage(page);
        assert.equal((await open(page, { name: 'low' })).storage.kind, 'opfs');
        assert.deepEqual((await marks()).sort(), ['after', 'before']);
        assert.equal((await contents(page, 'films')).count, FILMS.length);
        await reloadOn('indexeddb');
        const error = await page.evaluate(tryToOpen, 'low');
        assert.equal(error?.code, 'storage_busy', 'what has moved is not looked for below');
        await reloadOn('memory');
        // Nothing is there that could tell; but neither is anything taken for the database.
        assert.equal((await open(page, { name: 'low' })).storage.kind, 'memory');
        const [kib, ms] = [before.storage.bytes / 1024, moved.ms - before.ms];
        t.diagnostic(`moving ${kib.toFixed(0)} KiB took ${ms.toFixed(0)} ms more than opening`);
      });

      test('a move that is cut off leaves one whole database', TEST, async (t) => {
        const wanted = { count: FILMS.length, digest: await digestOf(FILMS) };
        const seen = [];
        for (const [at, stall] of [...STALLS, ''].entries()) {
          await reloadOn('indexeddb');
          pages.prelude = stall;
          const name = `cut-off-${at}`;
          await open(page, { name });
          await page.evaluate(insertFilms);
          await reloadOn('opfs');
          const pause = stall ? 300 : 20;
          await page.evaluate(openForAWhile, name, pause);
          pages.prelude = '';
          // The worker dies with its page.
          await reloadOn(at % 2 ? 'opfs' : 'indexeddb');
          const error = await page.evaluate(tryToOpen, name);
          if (error) assert.equal(error.code, 'storage_busy');
          seen.push(error ? 'moved' : at % 2 ? 'moved again' : 'not moved');
          await reloadOn('opfs');
          assert.equal((await open(page, { name })).storage.kind, 'opfs');
          assert.deepEqual(await contents(page, 'films'), wanted, `after stall ${at}`);
        }
        t.diagnostic(`when it was cut off: ${seen.join(', ')}`);
      });

      test('a database whose storage was emptied says so, and begins anew', TEST, async () => {
        await reloadOn('opfs');
        await open(page, { name: 'emptied' });
        await writeMark('lost');
        await page.evaluate(() => app.db.close());
        await page.evaluate(async () => {
          const origin = await navigator.storage.getDirectory();
          const root = await origin.getDirectoryHandle('holm');
          await root.removeEntry('db-emptied', { recursive: true });
        });
        const error = await page.evaluate(tryToOpen, 'emptied');
        assert.equal(error?.code, 'storage_gone', error?.message);
        await page.evaluate(() => app.removeDatabase('emptied'));
        await open(page, { name: 'emptied' });
        assert.deepEqual(await marks(), []);
      });

      test('a database in OPFS is not replaced by an empty one', TEST, async () => {
        await reloadOn('opfs');
        assert.equal((await open(page, { name: 'high' })).storage.kind, 'opfs');
        await writeMark('kept');
        await reloadOn('indexeddb');
        const error = await page.evaluate(tryToOpen, 'high');
        assert.equal(error?.code, 'storage_busy');
        assert.equal(error.retryable, true);
        await reloadOn('opfs');
        await open(page, { name: 'high' });
        assert.deepEqual(await marks(), ['kept']);
      });
    }

    test('a database is removed, and not while it is open', TEST, async () => {
      const before = hasOpfs ? ['indexeddb', 'opfs'] : ['indexeddb'];
      for (const rung of before) {
        await reloadOn(rung);
        await open(page, { name: 'old' });
        await writeMark('old');
        const other = await openPage(browser, pages.origin);
        const remove = () => app.errorOf(() => app.removeDatabase('old'));
        const refused = await other.evaluate(remove);
        assert.equal(refused?.code, 'database_in_use', refused?.message);
        await writeMark('as if nothing had been');
        await page.evaluate(() => app.db.close());
        assert.equal((await other.evaluate(remove))?.code, undefined);
        await other.close();
        await open(page, { name: 'old' });
        assert.deepEqual(await marks(), []);
        await page.evaluate(() => app.db.close());
        assert.equal((await page.evaluate(remove))?.code, undefined);
      }
      const never = await page.evaluate(() => {
        return app.errorOf(() => app.removeDatabase('never made'));
      });
      assert.equal(never?.code, undefined);
    });

    test(
      'documents are taken out of a database that is written to, and put into another',
      TEST,
      async (t) => {
        await reloadOn('opfs');
        await open(page, { name: 'source' });
        await page.evaluate(insertFilms);
        await page.evaluate(() => app.db.mutate.odds.insertMany(app.odds()).saved);
        const result = await page.evaluate(copyDocuments, 'copy');
        const { progress, ms, imported, skipped } = result;
        assert.equal(imported, FILMS.length + 2);
        assert.deepEqual(progress, { exported: imported + skipped, total: imported + skipped });
        assert.deepEqual(result.copied, result.originals);
        assert.equal(result.originals[0].count, FILMS.length);
        assert.equal(result.left[0].count, FILMS.length - 100);
        t.diagnostic(`${imported} documents were copied in ${ms.toFixed(0)} ms`);
      },
    );

    test('a database that is full refuses writes and keeps what it has', TEST, async (t) => {
      await reloadOn('indexeddb');
      await open(page, { name: 'full' });
      const { saved, error } = await page.evaluate(fillUp, 40);
      assert.equal(error?.code, 'storage_full', error?.message);
      assert.ok(saved > 0);
      const there = () => page.evaluate(countOdds);
      assert.equal(await there(), saved);
      assert.equal(await page.evaluate(() => app.db.status.storage.state), 'ok');
      await reloadPage(page);
      const { storage, ms } = await open(page, { name: 'full' });
      assert.equal(storage.state, 'ok', storage.message);
      assert.equal(await there(), saved);
      await page.evaluate(deleteHalf);
      await writeMark('again');
      await reloadPage(page);
      await open(page, { name: 'full' });
      assert.deepEqual(await marks(), ['again']);
      const bytes = (storage.bytes / 2 ** 20).toFixed(0);
      t.diagnostic(`full with ${bytes} MiB, opened again in ${ms.toFixed(0)} ms`);
    });

    test('the status says how much room there is, where the browser does', TEST, async (t) => {
      await reloadOn('opfs');
      await open(page, { name: 'room' });
      const says = await page.evaluate(() => typeof navigator.storage?.estimate === 'function');
      const room = () => {
        const { usage, quota, persisted } = app.db.status.storage;
        return { usage, quota, persisted };
      };
      if (says) {
        const isTold = () => app.db.status.storage.quota !== null;
        await page.waitFor(isTold, { ...SOON, what: 'the room in the status' });
        const { usage, quota } = await page.evaluate(room);
        assert.ok(usage >= 0 && quota > usage, `${usage} of ${quota}`);
      } else {
        assert.equal((await page.evaluate(room)).quota, null);
      }
      t.diagnostic(JSON.stringify(await page.evaluate(room)));
    });

    // Firefox asks its user.
    if (name !== 'firefox') {
      test('persist() tells what the browser decided', TEST, async () => {
        const [kept, shown] = await page.evaluate(async () => {
          const kept = await app.db.persist();
          return [kept, app.db.status.storage.persisted];
        });
        assert.equal(typeof kept, 'boolean');
        assert.equal(shown ?? false, kept);
      });
    }
  });
}

for (const { name, rung, where } of places.filter(({ name }) => name !== 'webkit')) {
  test(`a full quota in ${where} is told, and nothing that was saved is lost`, TEST, async (t) => {
    const pages = await servePages({ rung });
    const profileDir = `${temporaryFolder()}/profile`;
    const browser = await launch(name, { profileDir, quotaBytes: QUOTA_BYTES });
    try {
      const page = await openPage(browser, pages.origin);
      await open(page, { name: 'quota' });
      const { saved, error } = await page.evaluate(fillUp, BATCH);
      assert.match(error?.code, /^storage_(full|failed)$/, error?.message);
      // The reason of a flush that failed may be lost when the database was opened again.
      assert.match(error.message, /full|could not be flushed/);
      assert.ok(saved > 0);
      // What failed only when it was flushed is still shown until then.
      await reloadPage(page);
      const { storage } = await open(page, { name: 'quota' });
      assert.notEqual(storage.state, 'damaged');
      // The write that was refused when it was flushed may have come through: nobody can know then.
      const count = await page.evaluate(countOdds);
      assert.ok(count === saved || count === saved + BATCH, `${count} of ${saved} saved`);
      t.diagnostic(`${saved} documents, then ${error.code}; opened again: ${storage.state}`);
    } finally {
      await browser.close();
      pages.close();
    }
  });
}

for (const { name, where } of places.filter(({ rung }) => rung === 'opfs')) {
  test(`a full database in ${where} is emptied, and opens`, TEST, async (t) => {
    const pages = await servePages({ rung: 'opfs' });
    const profileDir = `${temporaryFolder()}/profile`;
    const browser = await launch(name, { profileDir, quotaBytes: QUOTA_BYTES });
    try {
      const page = await openPage(browser, pages.origin);
      await open(page, { name: 'full' });
      const { saved, error } = await page.evaluate(fillUp, BATCH);
      assert.equal(error?.code, 'storage_full', error?.message);
      assert.equal(await page.evaluate(() => app.db.status.storage.full), true);
      let count = saved;
      for (const length of [4_000, 400]) {
        const small = await page.evaluate(fillUp, 1, length);
        assert.equal(small.error?.code, 'storage_full');
        count += small.saved;
      }
      assert.equal(await page.evaluate(deleteOdd, '0'), null);
      assert.equal(await page.evaluate(countOdds), count - 1);
      await reloadPage(page);
      const { storage } = await open(page, { name: 'full' });
      assert.equal(storage.state, 'ok', storage.message);
      assert.equal(await page.evaluate(deleteOdd, '1'), null);
      assert.equal(await page.evaluate(countOdds), count - 2);
      t.diagnostic(`${saved} documents, then ${count - saved} small ones`);
    } finally {
      await browser.close();
      pages.close();
    }
  });
}

// The functions below run in the page.

async function insertFilms() {
  await app.db.mutate.films.insertMany(await app.films()).saved;
}

/** Exports and imports at the same time; what both databases have then. */
async function copyDocuments(name) {
  const copy = await app.create({ name });
  let progress;
  const onProgress = (now) => {
    progress = now;
  };
  const contents = (db) => Promise.all(['films', 'odds'].map((one) => app.contents(one, db)));
  const originals = await contents(app.db);
  const began = performance.now();
  const copying = copy.import(app.db.export({ onProgress }));
  // An export shows one moment.
  const last = await app.db.query.films.orderBy('id', 'desc').limit(100).get();
  for (const { id } of last) app.db.mutate.films.delete(id);
  const result = await copying;
  const ms = performance.now() - began;
  const [copied, left] = [await contents(copy), await contents(app.db)];
  await copy.close();
  return { ...result, progress, ms, originals, copied, left };
}

/** Opens a database, and comes back before it is open. */
async function openForAWhile(name, ms) {
  app.create({ name }).catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, ms));
}

function insertMark(id) {
  return app.db.mutate.marks.insert({ id, n: 1, k: 1, text: '' }).saved;
}

async function readMarks() {
  const rows = await app.db.query.marks.get();
  return rows.map(({ id }) => id);
}

function tryToOpen(name) {
  return app.errorOf(() => app.create({ name }));
}

/**
 * Writes until a write is refused; how many documents were saved, and why the last write was not.
 * Browsers pack what repeats itself.
 */
async function fillUp(count, length = 130_000) {
  const bytes = new Uint8Array(length);
  for (const half of [bytes.subarray(0, 65_000), bytes.subarray(65_000)]) {
    crypto.getRandomValues(half);
  }
  const name = length < 65_000 ? `${length}-` : '';
  for (let saved = 0; ; saved += count) {
    const odds = Array.from({ length: count }, (_, at) => ({ id: `${name}${saved + at}`, bytes }));
    const error = await app.errorOf(() => {
      return app.db.mutate.odds.insertMany(odds, { atomic: true }).saved;
    });
    if (error || saved > 2_000) return { saved, error };
  }
}

async function countOdds() {
  return (await app.db.query.odds.get()).length;
}

async function deleteHalf() {
  const rows = await app.db.query.odds.get();
  await app.db.transaction((tx) => {
    for (const { id } of rows.slice(rows.length / 2)) tx.mutate.odds.delete(id);
  });
}

/** The code of what refused it, or null. */
async function deleteOdd(id) {
  const error = await app.errorOf(() => app.db.mutate.odds.delete(id).saved);
  return error?.code ?? null;
}
