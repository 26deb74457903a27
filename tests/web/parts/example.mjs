// The built example as a person sees it: its own server, and what is read from its page.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../../../scripts/parts/shell.mjs';
import { adoptGroup } from '../drivers/processes.mjs';
import { SOON } from './page.mjs';

const START_MS = 10_000;

/** Starts the example's static server on a free port; resolves to its origin. */
export async function serveExample() {
  const program = join(root, 'examples/films/serve.mjs');
  const child = spawn(process.execPath, [program, '--port', '0'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  adoptGroup(child);
  const origin = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('serve.mjs said no address')), START_MS);
    child.stdout.setEncoding('utf8').once('data', (text) => {
      clearTimeout(late);
      resolve(/http:\/\/[\d.]+:\d+/.exec(text)[0]);
    });
    child.once('exit', (code) => reject(new Error(`serve.mjs ended with ${code}`)));
  });
  return { origin, close: () => child.kill('SIGTERM') };
}

/** The page of the example in one tab. */
export class FilmsPage {
  constructor(page) {
    this.page = page;
  }

  /** Waits until `fn` holds in the page. */
  see(what, fn, ...args) {
    return this.page.waitFor(fn, { ...SOON, args, what });
  }

  /** Presses the keys of a text, one by one, wherever the focus is. */
  async keys(text) {
    for (const key of text) await this.page.press(key);
  }

  /** How many films there are, as the page says it: `3,201 films`. */
  count() {
    return this.page.evaluate(() => document.querySelector('.found output')?.textContent ?? '');
  }

  seeCount(text) {
    const isThere = (text) => document.querySelector('.found output')?.textContent === text;
    return this.see(text, isThere, text);
  }

  /** What a column shows, in the rows that are in the document, from the top. */
  column(name) {
    return this.page.evaluate((name) => {
      const cells = document.querySelectorAll(`tbody [data-column="${name}"]`);
      return [...cells].map(({ textContent }) => textContent);
    }, name);
  }

  /** What a film shows in a column. */
  value(id, name) {
    return this.page.evaluate(
      (id, name) =>
        document.querySelector(`[data-id="${id}"] [data-column="${name}"]`)?.textContent ?? null,
      id,
      name,
    );
  }

  seeValue(id, name, text) {
    const isThere = (id, name, text) =>
      document.querySelector(`[data-id="${id}"] [data-column="${name}"]`)?.textContent === text;
    return this.see(`${name} ${text} of film ${id}`, isThere, id, name, text);
  }

  /** Goes to the top of the table; resolves to the id of the first film. */
  async firstId() {
    await this.page.evaluate(() => document.querySelector('.scroller').scrollTo(0, 0));
    const idOfFirst = () => document.querySelector('tbody [aria-rowindex="2"]')?.dataset.id;
    return this.see('the first film', idOfFirst);
  }

  /** Opens the editor of a cell, replaces its text and presses Enter. */
  async edit(id, name, text) {
    await this.page.click(`[data-id="${id}"] [data-column="${name}"]`);
    await this.see('the editor', () => document.activeElement?.closest('.editor') !== null);
    await this.keys(text);
    await this.page.press('Enter');
    await this.see('the editor to close', () => document.querySelector('.editor') === null);
  }

  /** How often each row that is in the document was rendered. */
  renders() {
    return this.page.evaluate(() => {
      const cells = [...document.querySelectorAll('[data-renders]')];
      return Object.fromEntries(
        cells.map((cell) => [cell.closest('[data-id]').dataset.id, Number(cell.dataset.renders)]),
      );
    });
  }

  /**
   * Asks for the server now, unless it was found already. Works in a tab behind another one too:
   * that is not drawn, so it cannot be clicked as a person does.
   */
  tryNow() {
    return this.page.evaluate(() => document.querySelector('.banner button')?.click());
  }

  /** Waits until nothing waits to be sent and nothing comes in. */
  seeInStep() {
    return this.see('sync to be done', () => {
      const sync = document.querySelector('[data-sync]')?.dataset.sync;
      const waiting = document.querySelector('[data-count="waiting"]')?.textContent;
      const isSeeding = document.querySelector('progress, .skeleton') !== null;
      return sync === 'idle' && waiting === '0 waiting' && !isSeeding;
    });
  }
}
