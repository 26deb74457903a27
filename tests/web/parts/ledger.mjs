// What a page that writes without end has said, kept outside its browser: `started n` before write
// n is made and `saved n` after its promise has resolved. It says so on its console, whose lines
// reach this process at once and in order, and keeps the lines to be asked for: WebKit's console
// cannot be heard.
//
// The page keeps several writes under way: when one is saved the next one starts in the same task.
// So wherever it is stopped, writes are in flight.
import assert from 'node:assert/strict';
import { until } from '../drivers/wait.mjs';
import { DOCUMENTS_PER_WRITE } from '../page/documents.mjs';
import { SOON } from './page.mjs';

const LINE = /^(?:\w+: )?(started|saved|failed) (.+)$/;
const ROUND = 1_000_000;

/** The writes of all the lives of one database. */
export class Ledger {
  #page;
  #linesRead = 0;
  #rounds = 0;
  #said = { started: new Set(), saved: new Set() };
  /** Of the round under way. */
  #round = { started: new Set(), saved: new Set() };

  /** The page writes from now on. The numbers of each round are its own. */
  async begin(page) {
    if (this.#page !== page) this.#linesRead = 0;
    this.#page = page;
    this.#read();
    this.#round = { started: new Set(), saved: new Set() };
    this.#rounds += 1;
    await page.evaluate((first) => app.writeWithoutEnd(first), this.#rounds * ROUND);
  }

  /** Waits until so many more writes are saved. */
  async savedInRound(count) {
    const isThere = async () => {
      await this.hear();
      return this.#round.saved.size >= count;
    };
    await until(isThere, { ...SOON, what: `${count} writes to be saved in this round` });
  }

  /** How many writes of the round had been made and not been saved, by what the page has said. */
  inFlight() {
    const { started, saved } = this.#read();
    return started.size - saved.size;
  }

  /** Asks the page for what it has said. */
  async hear() {
    this.#take(await this.#page.evaluate(() => app.said.splice(0)));
  }

  get savedCount() {
    return this.#said.saved.size;
  }

  #read() {
    const lines = this.#page.log.slice(this.#linesRead);
    this.#linesRead += lines.length;
    this.#take(lines);
    return this.#round;
  }

  /** A line may come twice. */
  #take(lines) {
    for (const line of lines) {
      const [, what, n] = LINE.exec(line) ?? [];
      if (!what) continue;
      assert.notEqual(what, 'failed', `a write failed: ${n}`);
      this.#said[what].add(Number(n));
      this.#round[what].add(Number(n));
    }
  }

  /**
   * Holds what is in the database now against what was said: every write that was saved is there,
   * each one whole, once, and as it was written; and nothing is there that nobody wrote.
   */
  async check(page, when) {
    const { pieces, spoilt } = await page.evaluate(() => app.readWrites());
    assert.deepEqual(spoilt, [], `${when}: documents are not as they were written`);
    const found = new Map(pieces);
    const whole = Array.from({ length: DOCUMENTS_PER_WRITE }, (_, k) => k).join();
    const broken = pieces.filter(([, documents]) => documents !== whole);
    assert.deepEqual(broken, [], `${when}: writes are not there as three documents, once`);
    const lost = [...this.#said.saved].filter((n) => !found.has(n));
    assert.deepEqual(lost, [], `${when}: writes were saved and are not there`);
    const alien = [...found.keys()].filter((n) => n < ROUND || n >= (this.#rounds + 1) * ROUND);
    assert.deepEqual(alien, [], `${when}: writes are there that nobody made`);
  }
}
