// Messages of an engine in their order, and never so many in a row that the page stands still.
import { turn } from './turn.ts';

/** Messages are read in a row for so long, in milliseconds. */
const ROW_MS = 8;
/** One that comes so soon after another is of the same row, in milliseconds. */
const GAP_MS = 2;

/** Reads messages as they come; of many at once, some after other tasks have had their turn. */
export class Inbox {
  readonly #read: (bytes: Uint8Array) => void;
  readonly #waiting: Uint8Array[] = [];
  /** When the row began, and when its last message was read. */
  #began = 0;
  #ended = 0;

  constructor(read: (bytes: Uint8Array) => void) {
    this.#read = read;
  }

  take(bytes: Uint8Array): void {
    // Others are waiting, and so is their turn.
    if (this.#waiting.push(bytes) > 1) return;
    const now = performance.now();
    if (now - this.#ended > GAP_MS) this.#began = now;
    if (now - this.#began < ROW_MS) this.#readRow();
    else this.#pause();
  }

  /** What waits is of an engine that is gone. */
  clear(): void {
    this.#waiting.length = 0;
  }

  #readRow(): void {
    let next = this.#waiting[0];
    while (next && performance.now() - this.#began < ROW_MS) {
      this.#waiting.shift();
      this.#read(next);
      next = this.#waiting[0];
    }
    this.#ended = performance.now();
    if (next) this.#pause();
  }

  async #pause(): Promise<void> {
    await turn();
    this.#began = performance.now();
    this.#readRow();
  }
}
