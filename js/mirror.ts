// Files in memory, in chunks, which know what of them has changed: all there is of the memory rung,
// and what the IndexedDB rung writes down.
import type { Opened, SyncAccessHandle } from './platform.ts';
import { byName, type Rung } from './rung.ts';

/**
 * A log grows at its end, whose chunk is written anew each time: so small. Chromium keeps values of
 * 64 KiB and more in files of their own, which is slow.
 */
export const CHUNK_BYTES = 32 << 10;

const RESERVE_BYTES = 1 << 20;

/** The files of a database. */
export class Mirror {
  readonly files = new Map<string, MirrorFile>();
  /** Names of files to be removed where this is written down. */
  removed = new Set<string>();
  /** How large all files together may grow. */
  bytesMax = Number.POSITIVE_INFINITY;
  /** Nothing was written yet. */
  #isFresh = true;

  get bytes(): number {
    let bytes = 0;
    for (const { length } of this.files.values()) bytes += length;
    return bytes;
  }

  /** Adds a file, empty or with the content that was written down. */
  add(name: string, length = 0): MirrorFile {
    const file = new MirrorFile(this, length);
    this.files.set(name, file);
    return file;
  }

  list(): Opened[] {
    return [...this.files].map(([name, handle]) => ({ name, handle })).sort(byName);
  }

  make(name: string): Opened {
    if (this.files.has(name)) throw new Error(`the file ${name} is there already`);
    const handle = this.add(name);
    handle.isChanged = true;
    return { name, handle };
  }

  remove(name: string): void {
    if (this.files.delete(name)) this.removed.add(name);
  }

  /**
   * Whether a file may grow to this length. The first write after an opening may take as much
   * again, and a reserve is left after it: it is what opening makes of the whole database, and a
   * full one must still open and be emptied.
   */
  hasRoom(file: MirrorFile, length: number): boolean {
    const bytes = this.bytes + length - file.length;
    if (this.#isFresh && bytes <= 2 * this.bytesMax) {
      this.bytesMax = Math.max(this.bytesMax, bytes + RESERVE_BYTES);
    }
    this.#isFresh = false;
    return bytes <= this.bytesMax;
  }
}

/** One file. Nothing is kept by closing or flushing it. */
export class MirrorFile implements SyncAccessHandle {
  length: number;
  /** All of `CHUNK_BYTES`, zeros beyond the end of the file. */
  readonly chunks: Uint8Array[] = [];
  /** Whether the file is new or its length has changed. */
  isChanged = false;
  /** Chunks that have changed. */
  changedChunks = new Set<number>();
  /** What is written down of chunks from this one on is void. */
  cutFrom = Number.POSITIVE_INFINITY;
  readonly #mirror: Mirror;

  constructor(mirror: Mirror, length: number) {
    this.#mirror = mirror;
    this.length = length;
    this.#fill();
  }

  getSize(): number {
    return this.length;
  }

  read(into: Uint8Array, { at }: { readonly at: number }): number {
    const count = Math.max(0, Math.min(into.length, this.length - at));
    this.#walk(at, count, (chunk, from, to, done) => into.set(chunk.subarray(from, to), done));
    return count;
  }

  /** Takes all of it, or nothing where there is no room. */
  write(bytes: Uint8Array, { at }: { readonly at: number }): number {
    const end = at + bytes.length;
    if (bytes.length === 0) return 0;
    if (end > this.length) {
      if (!this.#mirror.hasRoom(this, end)) return 0;
      this.#grow(end);
    }
    this.#walk(at, bytes.length, (chunk, from, to, done, index) => {
      chunk.set(bytes.subarray(done, done + to - from), from);
      this.changedChunks.add(index);
    });
    return bytes.length;
  }

  truncate(length: number): void {
    if (length > this.length) {
      if (!this.#mirror.hasRoom(this, length)) {
        throw new DOMException('the file cannot grow', 'QuotaExceededError');
      }
      this.#grow(length);
    } else if (length < this.length) {
      this.#cut(length);
    }
  }

  flush(): void {}

  close(): void {}

  /** A copy of what is in a chunk, without what lies beyond the end. */
  content(index: number): Uint8Array {
    const chunk = this.chunks[index] as Uint8Array;
    return chunk.slice(0, this.length - index * CHUNK_BYTES);
  }

  #grow(length: number): void {
    const first = Math.floor(this.length / CHUNK_BYTES);
    this.length = length;
    this.isChanged = true;
    this.#fill();
    for (let index = first; index < this.chunks.length; index += 1) this.changedChunks.add(index);
  }

  #cut(length: number): void {
    this.length = length;
    this.isChanged = true;
    const count = Math.ceil(length / CHUNK_BYTES);
    this.chunks.length = count;
    this.cutFrom = Math.min(this.cutFrom, count);
    for (const index of this.changedChunks) if (index >= count) this.changedChunks.delete(index);
    if (length % CHUNK_BYTES === 0) return;
    this.chunks[count - 1]?.fill(0, length % CHUNK_BYTES);
    this.changedChunks.add(count - 1);
  }

  #fill(): void {
    const count = Math.ceil(this.length / CHUNK_BYTES);
    while (this.chunks.length < count) this.chunks.push(new Uint8Array(CHUNK_BYTES));
  }

  /** Visits the parts of chunks that `count` bytes from `at` are in. */
  #walk(
    at: number,
    count: number,
    visit: (chunk: Uint8Array, from: number, to: number, done: number, index: number) => void,
  ): void {
    for (let done = 0; done < count; ) {
      const index = Math.floor((at + done) / CHUNK_BYTES);
      const from = (at + done) % CHUNK_BYTES;
      const to = Math.min(CHUNK_BYTES, from + count - done);
      visit(this.chunks[index] as Uint8Array, from, to, done, index);
      done += to - from;
    }
  }
}

/** Databases that are gone with the worker. */
export class Memory implements Rung {
  readonly kind = 'memory';
  readonly #databases = new Map<string, Mirror>();
  #mirror = new Mirror();

  /** Looks for a database, or makes it. */
  find(database: string): this {
    this.#mirror = this.#databases.get(database) ?? new Mirror();
    this.#databases.set(database, this.#mirror);
    return this;
  }

  async list(): Promise<Opened[]> {
    return this.#mirror.list();
  }

  async make(name: string): Promise<Opened> {
    return this.#mirror.make(name);
  }

  async remove(name: string): Promise<void> {
    this.#mirror.remove(name);
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {}
}
