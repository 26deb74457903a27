// One database and several pages of the same browser: one page has it, the others are told so.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch } from './drivers/index.mjs';
import { temporaryFolder } from './parts/folder.mjs';
import { open, openPage, reloadPage, SOON, TEST } from './parts/page.mjs';
import { servePages } from './parts/pages.mjs';
import { firstPlaces } from './parts/places.mjs';

/** Opening waits two seconds for a dying worker; the rest is for a busy machine. */
const REFUSED_WITHIN_MS = 10_000;
const DATABASE = { name: 'tabs' };

for (const { name, rung, where } of firstPlaces) {
  describe(`tabs in ${where}`, { timeout: 300_000 }, () => {
    let pages;
    let browser;
    let first;
    let second;

    before(async () => {
      pages = await servePages({ rung });
      browser = await launch(name, { profileDir: `${temporaryFolder()}/profile` });
      first = await openPage(browser, pages.origin);
      second = await openPage(browser, pages.origin);
    }, TEST);
    after(async () => {
      await browser?.close();
      pages?.close();
    }, TEST);

    test('a second tab is told that the database is in use', TEST, async (t) => {
      await open(first, DATABASE);
      await first.evaluate(watchMarks);
      const { error, ms } = await second.evaluate(tryToOpen, DATABASE);
      assert.ok(error?.isHolm, `expected a HolmError, got ${JSON.stringify(error)}`);
      assert.equal(error.code, 'database_in_use');
      assert.equal(error.retryable, true);
      assert.ok(ms < REFUSED_WITHIN_MS, `it took ${ms} ms`);
      t.diagnostic(`told after ${ms.toFixed(0)} ms`);
    });

    test('the first tab works on meanwhile', TEST, async () => {
      const refused = second.evaluate(tryToOpen, DATABASE);
      const seen = await first.evaluate(writeMarks, 5);
      assert.deepEqual(seen, [0, 1, 2, 3, 4]);
      assert.equal((await refused).error?.code, 'database_in_use');
    });

    test('of two tabs that open at once one opens and the other is told', TEST, async () => {
      for (let round = 0; round < 2; round += 1) {
        for (const page of [first, second]) await reloadPage(page);
        const tries = [first, second].map((page) => page.evaluate(tryToOpen, DATABASE));
        const codes = (await Promise.all(tries)).map(({ error }) => error?.code ?? 'open');
        assert.deepEqual(codes.sort(), ['database_in_use', 'open']);
      }
    });

    test('a reload of the first tab opens again, while the old worker dies', TEST, async (t) => {
      const opened = [];
      await reloadPage(second);
      for (let round = 0; round < 5; round += 1) {
        await reloadPage(first);
        const { ms } = await open(first, DATABASE);
        opened.push(ms.toFixed(0));
        assert.equal(await first.evaluate(countMarks), 5);
      }
      t.diagnostic(`opened after ${opened.join(', ')} ms`);
    });

    test('two databases in a row, the first closed without waiting', TEST, async () => {
      const counts = await first.evaluate(async (options) => {
        await app.db.close();
        const counts = [];
        const count = async (db) => counts.push((await db.query.marks.get()).length);
        const one = await app.create(options);
        one.close();
        const two = await app.create(options);
        await count(two);
        two.mutate.marks.insert({ n: 5, k: 0, text: '' });
        two.close();
        app.db = await app.create(options);
        await count(app.db);
        return counts;
      }, DATABASE);
      assert.deepEqual(counts, [5, 6], 'a write before close() is saved');
    });

    test('two databases at once, the first closed when it is there', TEST, async () => {
      // What React's StrictMode and hot reload make of an effect that opens and closes.
      const count = await first.evaluate(async (options) => {
        await app.db.close();
        const one = app.create(options).then((db) => db.close());
        app.db = await app.create(options);
        await one;
        return (await app.db.query.marks.get()).length;
      }, DATABASE);
      assert.equal(count, 6);
    });

    test(
      'a page that is left lets go, and goes on when the back button brings it',
      TEST,
      async (t) => {
        await first.evaluate(() => {
          app.isKept = true;
        });
        await first.goto(`${pages.origin}/blank.html`);
        await open(second, DATABASE);
        assert.equal(await second.evaluate(countMarks), 6);
        await second.evaluate(() => app.db.close());
        await first.back();
        await first.waitFor(() => globalThis.app !== undefined, { ...SOON, what: 'the page' });
        const isKept = await first.evaluate(() => app.isKept === true);
        if (!isKept) await open(first, DATABASE);
        const count = await first.evaluate(async () => {
          await app.db.mutate.marks.insert({ n: 6, k: 0, text: '' }).saved;
          return (await app.db.query.marks.get()).length;
        });
        assert.equal(count, 7);
        t.diagnostic(isKept ? 'the browser had kept the page' : 'the browser loaded the page anew');
      },
    );

    test('when the first tab closes the second opens', TEST, async (t) => {
      await first.close();
      const { ms } = await open(second, DATABASE);
      assert.equal(await second.evaluate(countMarks), 7);
      t.diagnostic(`opened after ${ms.toFixed(0)} ms`);
    });

    if (rung !== 'opfs') return;
    test('files that are held without the lock are read around', TEST, async (t) => {
      await second.evaluate(() => app.db.close());
      await second.evaluate(holdFiles, `db-${DATABASE.name}`);
      const { ms } = await open(second, DATABASE);
      assert.ok(ms > 1_900, `it waited for ${ms} ms only`);
      assert.equal(await second.evaluate(countMarks), 7);
      await second.evaluate(async () => {
        await app.db.mutate.marks.insert({ n: 7, k: 0, text: '' }).saved;
        await app.db.close();
        app.holder.terminate();
      });
      await reloadPage(second);
      await open(second, DATABASE);
      assert.equal(await second.evaluate(countMarks), 8);
      t.diagnostic(`opened after ${ms.toFixed(0)} ms`);
    });
  });
}

// The functions below run in the page.

/** Has a worker open all files of a folder, and keep them. */
function holdFiles(folder) {
  const hold = async (name) => {
    const root = await navigator.storage.getDirectory();
    const holm = await root.getDirectoryHandle('holm');
    const files = await holm.getDirectoryHandle(name);
    self.held = [];
    for await (const file of files.values()) {
      if (!file.name.startsWith('home-')) self.held.push(await file.createSyncAccessHandle());
    }
    self.postMessage(self.held.length);
  };
  const url = URL.createObjectURL(new Blob([`(${hold})(${JSON.stringify(folder)})`]));
  app.holder = new Worker(url);
  return new Promise((resolve, reject) => {
    app.holder.onmessage = ({ data }) => resolve(data);
    app.holder.onerror = ({ message }) => reject(new Error(message));
  });
}

async function tryToOpen(options) {
  const began = performance.now();
  const error = await app.errorOf(() => app.create(options));
  return { error, ms: performance.now() - began };
}

function watchMarks() {
  return new Promise((resolve) => {
    app.db.query.marks.orderBy('n').subscribe(({ rows }) => {
      app.seen = rows.map(({ n }) => n);
      resolve();
    });
  });
}

/** Writes, and what the live query of this page shows then. */
async function writeMarks(count) {
  for (let n = 0; n < count; n += 1) await app.db.mutate.marks.insert({ n, k: 0, text: '' }).saved;
  return app.seen;
}

async function countMarks() {
  return (await app.db.query.marks.get()).length;
}
