// An engine that fails: the page hears of it, a new one carries on, and what was saved is there.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sharedBrowser } from './parts/browser.mjs';
import { open, SOON, TEST, visit } from './parts/page.mjs';
import { servePages } from './parts/pages.mjs';
import { inMemory, places } from './parts/places.mjs';

/** How an engine is made to fail, and what its page is told. */
const FAILURES = {
  'in a message, by a trap of the module': { how: 'trap', told: /unreachable|out of bounds/i },
  'in a callback': { how: 'throw', told: /planted in a callback/ },
  'without a word': { how: 'end', told: /it has ended/ },
};

for (const { name, rung, where } of [...places, inMemory]) {
  const isDurable = rung !== 'memory';
  describe(`failure in ${where}`, { timeout: 300_000 }, () => {
    let pages;
    let browser;
    let page;

    before(async () => {
      pages = await servePages({ rung });
      browser = await sharedBrowser(name);
      page = await browser.newPage();
    }, TEST);
    after(async () => {
      await page?.close();
      pages?.close();
    }, TEST);

    for (const [where, { how, told }] of Object.entries(FAILURES)) {
      test(`an engine fails ${where}`, TEST, async () => {
        await visit(page, pages.origin);
        await page.evaluate(watchWorkers);
        await open(page, { name: `failure-${how}` });
        await page.evaluate(async () => {
          await app.db.mutate.marks.insert({ id: 'saved', n: 1, k: 1, text: '' }).saved;
        });
        await page.evaluate((how) => app.workers.at(-1).fail(how), how);
        const { code, message } = await page.waitFor(
          isDurable ? () => app.errors[0] : () => app.errorOf(() => app.db.query.marks.get()),
          { ...SOON, what: 'the failure to be told' },
        );
        assert.equal(code, 'worker_failed');
        assert.match(message, told);
        if (isDurable) {
          assert.deepEqual(await page.evaluate(carryOn), ['later', 'saved']);
          assert.equal(await page.evaluate(() => app.workers.length), 2);
        } else {
          // What was in memory is not taken for an empty database.
          assert.match(message, /in memory only and is gone/);
        }
      });
    }

    test('where only workers may compile, the worker does', TEST, async () => {
      pages.policy = "script-src 'self'";
      await visit(page, pages.origin);
      pages.policy = '';
      // WebKitGTK compiles all the same.
      if (name !== 'webkit') assert.match(await page.evaluate(refusal), /CompileError/);
      const before = pages.requests.filter(isModule).length;
      await open(page, { name: 'failure-policy' });
      assert.deepEqual(await page.evaluate(carryOn), ['later']);
      assert.equal(pages.requests.filter(isModule).length, before + 1);
    });

    test('a module of another type is taken', TEST, async () => {
      await visit(page, pages.origin);
      pages.types['.wasm'] = 'application/octet-stream';
      await open(page, { name: 'failure-type' });
      assert.deepEqual(await page.evaluate(carryOn), ['later']);
    });

    test('what is no module is told', TEST, async () => {
      await visit(page, pages.origin);
      pages.instead = '<!doctype html>';
      const error = await page.evaluate(() => app.errorOf(() => app.create({ name: 'none' })));
      pages.instead = undefined;
      assert.equal(error.code, 'worker_failed');
      assert.match(error.message, /magic|\\0asm/);
    });

    test('a module that is not there is told with its address', TEST, async () => {
      await visit(page, pages.origin);
      delete pages.types['.wasm'];
      const error = await page.evaluate(() => app.errorOf(() => app.create({ name: 'none' })));
      assert.equal(error.code, 'worker_failed');
      assert.match(error.message, /404 for .*holm_worker_bg\.packed\.wasm/);
    });
  });
}

const isModule = (path) => path.endsWith('.wasm');

// The functions below run in the page.

/** What a page that may not compile WebAssembly is told. */
async function refusal() {
  const empty = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);
  return WebAssembly.compile(empty).then(() => undefined, String);
}

/** Keeps the workers to come, with a way to make each fail, and the errors of the page. */
function watchWorkers() {
  app.workers = [];
  app.errors = [];
  const hear = (event, error) => {
    event.preventDefault();
    app.errors.push({ code: error?.code, message: error?.message });
  };
  addEventListener('error', (event) => hear(event, event.error));
  addEventListener('unhandledrejection', (event) => hear(event, event.reason));
  const Real = Worker;
  globalThis.Worker = class extends Real {
    constructor(url, options) {
      const planted = `import ${JSON.stringify(String(url))};
        self.addEventListener('message', ({ data }) => {
          if (data.isThrow) setTimeout(() => { throw new Error('planted in a callback'); });
        });`;
      super(URL.createObjectURL(new Blob([planted], { type: 'text/javascript' })), options);
      app.workers.push(this);
    }
    /** `trap`: a message of more bytes than there are. */
    fail(how) {
      if (how === 'end') return this.terminate();
      this.postMessage(how === 'trap' ? { length: 4_000_000_000 } : { isThrow: true, length: 0 });
    }
  };
}

async function carryOn() {
  await app.db.mutate.marks.insert({ id: 'later', n: 2, k: 1, text: '' }).saved;
  const rows = await app.db.query.marks.get();
  return rows.map(({ id }) => id).sort();
}
