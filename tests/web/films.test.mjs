// The example by clicks and keys: seeding, filters, order, edits, and a life with and without the
// server. Needs examples/films/dist. HOLM_SHOTS names a folder for screenshots.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { root } from '../../scripts/parts/shell.mjs';
import { browserNames, launch } from './drivers/index.mjs';
import { FilmsPage, serveExample } from './parts/example.mjs';
import { temporaryFolder } from './parts/folder.mjs';
import { startServer, TOKEN } from './parts/sync-server.mjs';

const TEST = { timeout: 90_000 };
const NEW_TITLE = 'Zardoz Returns';
const SIZES = { desk: { width: 1280, height: 800 }, hand: { width: 390, height: 844 } };

const file = join(root, 'node_modules/vega-datasets/data/movies.json');
const rows = JSON.parse(readFileSync(file, 'utf8'));
const countOf = (test) => rows.filter(test).length.toLocaleString('en-US');

for (const name of browserNames) {
  // WebKit here has no OPFS.
  const rung = name === 'webkit' ? 'indexeddb' : 'opfs';
  describe(`the films in ${name}`, { timeout: 170_000 }, () => {
    let pages;
    let server;
    let browser;
    let films;
    let address;

    before(async () => {
      const folder = temporaryFolder();
      pages = await serveExample();
      server = await startServer({ folder, origin: pages.origin });
      browser = await launch(name, { profileDir: join(folder, 'profile') });
      const given = new URLSearchParams({ server: server.url, token: TOKEN, 'count-renders': '' });
      address = `${pages.origin}/?${given}`;
      films = new FilmsPage(await browser.newPage());
    });
    after(async () => {
      await browser?.close();
      await server?.kill();
      pages?.close();
    });

    /** Both sizes, where somebody asked for pictures; the table is wide again after. */
    const shoot = async (what, { page } = films) => {
      if (!process.env.HOLM_SHOTS) return;
      for (const [size, view] of Object.entries(SIZES).reverse()) {
        // Its window cannot be that narrow.
        if (name === 'webkit' && size === 'hand') continue;
        await page.screenshot(join(process.env.HOLM_SHOTS, `${name}-${what}-${size}.png`), view);
      }
    };

    test('a first start seeds 3,201 films and shows how far it is', TEST, async () => {
      await films.page.goto(address);
      await films.see('a progress bar', () => document.querySelector('progress')?.max === 3_201);
      await films.seeCount('3,201 films');
      await films.seeInStep();
      assert.equal((await films.column('title'))[0], 'Avatar');
      assert.equal(await films.page.evaluate(storageShown), rung);
      await shoot('all');
    });

    test('filters leave the films that have all of what is asked for', TEST, async () => {
      const { page } = films;
      const all = '3,201 films';
      await page.select('[name=genre]', 'Western');
      const isWestern = (row) => row['Major Genre'] === 'Western';
      await films.seeCount(`${countOf(isWestern)} of ${all}`);
      await page.select('[name=rating]', '7');
      const isGood = (row) => isWestern(row) && row['IMDB Rating'] >= 7;
      await films.seeCount(`${countOf(isGood)} of ${all}`);
      await page.select('[name=rating]', '9');
      await films.see('no film', () =>
        /No film matches/.test(document.querySelector('main').textContent),
      );
      await shoot('empty');
      await page.click('main button');
      await films.seeCount(all);

      await page.click('[name=director]');
      await films.keys('spielb');
      await page.press('Enter');
      const isSpielberg = (row) => row.Director === 'Steven Spielberg';
      await films.seeCount(`${countOf(isSpielberg)} of ${all}`);
      await page.press('Escape');
      await films.seeCount(all);
    });

    test('headers sort, and a second click turns the order round', TEST, async () => {
      const { page } = films;
      const best = Math.max(...rows.map((row) => row['IMDB Rating'] ?? 0));
      await page.click('[data-sort=imdbRating]');
      const isSorted = (name, order) =>
        document.querySelector(`th:has([data-sort=${name}])`).getAttribute('aria-sort') === order;
      await films.see(
        'the best first',
        (best) => {
          return document.querySelector('tbody [data-column=imdbRating]').textContent === best;
        },
        best.toFixed(1),
      );
      assert.ok(await page.evaluate(isSorted, 'imdbRating', 'descending'));
      for (const order of ['ascending', 'descending', 'ascending']) {
        await page.click('[data-sort=title]');
        await films.see(`titles ${order}`, isInOrder, order);
        assert.ok(await page.evaluate(isSorted, 'title', order));
      }
    });

    test('every row can be reached, by keys and by scrolling', TEST, async () => {
      const { page } = films;
      await page.click('[data-sort=worldwideGross]');
      await films.see('Avatar on top', () => {
        return document.querySelector('tbody tr')?.textContent.startsWith('Avatar');
      });
      await page.click('tbody tr [data-column=majorGenre]');
      await page.press('Escape');
      await page.press('ArrowDown');
      await page.press('ArrowRight');
      assert.deepEqual(await page.evaluate(focusedCell), [3, 'director']);
      await page.press('PageDown');
      const [row] = await page.evaluate(focusedCell);
      assert.ok(row > 10, `a page further is row ${row}`);
      assert.ok(await page.evaluate(isFocusInSight), 'the focused cell is in sight');
      await page.evaluate(() => {
        const scroller = document.querySelector('.scroller');
        scroller.scrollTop = scroller.scrollHeight;
      });
      await films.see(
        'the last row',
        () => document.querySelector('[aria-rowindex="3202"]') !== null,
      );
      assert.deepEqual(await page.evaluate(focusedCell), [row, 'director'], 'the focus stays');
      await page.evaluate(() => {
        document.querySelector('.scroller').scrollTop = 0;
      });
    });

    test('an edit renders one row, and Escape leaves all as it was', TEST, async () => {
      const { page } = films;
      const id = await films.firstId();
      await films.seeInStep();
      const earlier = await films.renders();
      assert.ok(Object.keys(earlier).length > 10, 'rows are counted');
      await films.edit(id, 'imdbRating', '9.1');
      await films.seeValue(id, 'imdbRating', '9.1');
      await films.seeInStep();
      const now = await films.renders();
      const changed = Object.keys(now).filter((key) => now[key] !== earlier[key]);
      // The focus was in another row, which gave its tab stop away.
      const stop = await page.evaluate(
        () => [...document.querySelectorAll('[tabindex="0"]')].length,
      );
      assert.equal(stop, 1);
      await films.edit(id, 'imdbRating', '9.2');
      await films.seeValue(id, 'imdbRating', '9.2');
      await films.seeInStep();
      const last = await films.renders();
      assert.deepEqual(
        Object.keys(last).filter((key) => last[key] !== now[key]),
        [id],
      );
      assert.ok(changed.includes(id) && changed.length <= 2, `changed: ${changed}`);

      await page.click(`[data-id="${id}"] [data-column=title]`);
      await films.keys('nothing');
      await page.press('Escape');
      await films.seeValue(id, 'title', 'Avatar');
      await page.click(`[data-id="${id}"] [data-column=imdbRating]`);
      await films.keys('11');
      await page.press('Enter');
      await films.see('a fault', () =>
        /0 to 10/.test(document.querySelector('.fault')?.textContent),
      );
      await page.press('Escape');
      await films.seeValue(id, 'imdbRating', '9.2');
    });

    test('a film is added, and another one deleted, by keys', TEST, async () => {
      const { page } = films;
      await page.click('header .primary');
      await films.see('the form', () => document.activeElement?.name === 'title');
      await films.keys(NEW_TITLE);
      await page.press('Enter');
      await films.seeCount('3,202 films');
      await films.see('the new film', focusedTitle, NEW_TITLE);
      await page.press('Enter');
      await films.keys('!');
      await page.press('Escape');
      await films.see('the new film again', focusedTitle, NEW_TITLE);

      const id = await page.evaluate(
        () => document.activeElement.closest('tr').previousSibling.dataset.id,
      );
      await page.press('ArrowUp');
      await page.press('End');
      await page.press('Enter');
      await films.see('the question', () => document.activeElement?.textContent === 'Cancel');
      await shoot('delete');
      await page.click('[data-confirm=delete]');
      await films.seeCount('3,201 films');
      assert.equal((await films.value(id, 'title')) ?? null, null);
      await films.seeInStep();
    });

    test('without the server all is there after a reload, and writes wait', TEST, async () => {
      const { page } = films;
      const id = await films.firstId();
      await server.stop();
      await films.edit(id, 'title', 'Avatar, offline');
      await films.seeValue(id, 'title', 'Avatar, offline');
      await page.reload();
      await films.seeCount('3,201 films');
      await films.seeValue(id, 'title', 'Avatar, offline');
      assert.equal(await films.value(id, 'imdbRating'), '9.2');
      await films.see(
        'the mark of a waiting write',
        (id) => {
          return document.querySelector(`[data-id="${id}"] [data-mark=waiting]`) !== null;
        },
        id,
      );
      await films.see('a word about the server', () => {
        return /cannot be reached/.test(document.querySelector('.banners').textContent);
      });
      await shoot('offline');
      await page.click('.status .outbox');
      await films.see('the entry', () => {
        return /Avatar, offline/.test(document.querySelector('dialog .entry')?.textContent);
      });
      await page.press('Escape');
    });

    test('a device that seeded by itself gets the edits of another', TEST, async () => {
      const other = new FilmsPage(await browser.newPage());
      await other.page.goto(`${address}&db=other`);
      await other.seeCount('3,201 films');
      await other.see('the films as they come', () => {
        return document.querySelector('tbody tr')?.textContent.startsWith('Avatar18');
      });
      await server.start();
      for (const device of [films, other]) await device.tryNow();
      await films.seeInStep();
      await other.see('the edits of the first device', () => {
        const [first] = document.querySelectorAll('tbody tr');
        return /^Avatar, offline.*9\.2/.test(first.textContent);
      });
      await other.seeInStep();
      await other.seeCount('3,201 films');
      const titles = await other.page.evaluate(async (title) => {
        const found = await globalThis.db.query.films.where('title', '=', title).get();
        return found.map(({ title }) => title);
      }, NEW_TITLE);
      assert.deepEqual(titles, [NEW_TITLE]);
      await other.page.close();
    });

    test('a refused write is shown with its content until it is given up', TEST, async () => {
      const { page } = films;
      const other = new FilmsPage(await browser.newPage());
      await other.page.goto(`${address}&db=other`);
      await other.seeCount('3,201 films');
      // Both take the same id while they do not know of each other; the first at the server has it.
      await server.stop();
      await page.evaluate(insertClash, 'The later clash', 'saved');
      await page.goto('about:blank');
      await server.start();
      await other.page.evaluate(insertClash, 'The earlier clash', 'accepted');
      await other.page.close();

      await page.goto(address);
      await films.see('the refusal', () => /refused 1 change/.test(document.body.textContent));
      await shoot('refused');
      await page.click('.banner button');
      await films.see('the write with its content and the reason', () => {
        const entry = document.querySelector('dialog [data-state=rejected]')?.textContent;
        return /The later clash/.test(entry) && /exists/.test(entry);
      });
      await shoot('outbox');
      await page.click('[data-state=rejected] .buttons :last-child');
      await page.click('[data-state=rejected] .danger');
      await films.see('an empty outbox', () => {
        return /is at the server/.test(document.querySelector('dialog').textContent);
      });
      await page.press('Escape');
      await films.seeInStep();
      await films.seeCount('3,202 films');
    });

    test('a second tab is told, and goes on when the first one is gone', TEST, async () => {
      const second = new FilmsPage(await browser.newPage());
      await second.page.goto(address);
      await second.see('that another tab has the films', () => {
        return /open in another tab/.test(document.body.textContent);
      });
      await shoot('in-use', second);
      await films.page.close();
      await second.page.click('main button');
      await second.seeCount('3,202 films');
      assert.equal((await second.column('title'))[0], 'Avatar, offline');
      assert.deepEqual(second.page.log, []);
    });
  });
}

// The functions below run in the page.

/** Inserts a film with an id that others use too, and waits until it has come that far. */
function insertClash(title, milestone) {
  return globalThis.db.mutate.films.insert({ id: 'clash', title })[milestone];
}

function storageShown() {
  return document.querySelector('.storage').dataset.kind;
}

function focusedCell() {
  const cell = document.activeElement;
  return [Number(cell.closest('tr')?.getAttribute('aria-rowindex')), cell.dataset.column];
}

function isFocusInSight() {
  const { top, bottom } = document.activeElement.getBoundingClientRect();
  const frame = document.querySelector('.scroller').getBoundingClientRect();
  return top >= frame.top && bottom <= frame.bottom;
}

function focusedTitle(title) {
  const { dataset, textContent } = document.activeElement ?? { dataset: {} };
  return dataset.column === 'title' && textContent === title;
}

/** By code point, as the engine orders, which for these titles is the order of their UTF-8. */
function isInOrder(order) {
  const cells = [...document.querySelectorAll('tbody [data-column=title]')];
  const titles = cells.map(({ textContent }) => textContent);
  const sign = order === 'ascending' ? 1 : -1;
  const compare = (a, b) => (a < b ? -sign : a > b ? sign : 0);
  const isSorted = titles.every((title, at) => at === 0 || compare(titles[at - 1], title) <= 0);
  const isEdge = order === 'ascending' ? titles[0] < '2' : titles[0] > 'X';
  return isSorted && isEdge;
}
