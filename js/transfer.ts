// Taking documents out and in as NDJSON, a slice at a time.
import { joined, TRANSACTION_BYTES, TRANSACTION_DOCUMENTS_MAX } from './bulk.ts';
import type { Connection } from './connection.ts';
import { callOut, HolmError, toHolmError } from './error.ts';
import { Layout, perCollection } from './layout.ts';
import { operation } from './mutate.ts';
import type { Schema } from './schema.ts';
import { decode } from './value.ts';

/** Options of `db.export()`. */
export interface ExportOptions {
  /** Called after each slice: how many documents were given, of how many when it began. */
  readonly onProgress?: (progress: { readonly exported: number; readonly total: number }) => void;
}

/** Options of `db.import()`. */
export interface ImportOptions {
  /** Called after each transaction that is saved: how many documents were so far. */
  readonly onProgress?: (progress: Imported) => void;
}

/** What an import has done. */
export interface Imported {
  /** Documents that were saved. */
  readonly imported: number;
  /** Lines of `$outbox`, which are passed over. */
  readonly skipped: number;
}

/** NDJSON in pieces of any size: UTF-8 or text. */
export type Ndjson =
  | ReadableStream<Uint8Array | string>
  | AsyncIterable<Uint8Array | string>
  | Iterable<Uint8Array | string>;

/** Longer than any document can be: a control character takes six in JSON. */
const LINE_CHARS_MAX = 2 << 20;
/** What the engine exports of the outbox is no document of the app's. */
const OUTBOX = '$outbox';

/**
 * All documents as they were when it was called, a slice of the engine's at a time, each when it is
 * asked for. A transaction keeps that state until the stream ends.
 */
export function exportFrom(
  connection: Connection,
  { onProgress }: ExportOptions,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let [exported, total] = [0, 0];
  let after: string | null = null;
  const transaction = connection.send('begin', {}, () => {});
  const end = () => void connection.send('abort', { transaction }, () => {});
  const slice = (count?: true) =>
    connection.request('export', { transaction, after, count }).catch((error) => {
      end();
      throw error;
    });
  return new ReadableStream({
    async start() {
      if (!onProgress) return;
      do {
        const { count = 0, next = null } = await slice(true);
        total += count;
        after = next;
      } while (after !== null);
    },
    async pull(controller) {
      const { lines = [], next = null } = await slice();
      controller.enqueue(new TextEncoder().encode([...lines, ''].join('\n')));
      exported += lines.length;
      after = next;
      if (onProgress) callOut(() => onProgress({ exported, total }));
      if (after !== null) return;
      end();
      controller.close();
    },
    cancel: end,
  });
}

/** One import. */
export class Import {
  readonly #connection: Connection;
  readonly #layouts: Readonly<Record<string, Layout>>;
  readonly #onProgress: ImportOptions['onProgress'];
  /** Operations that are not saved yet, with the numbers of their lines. */
  #ops: (readonly [line: number, op: Uint8Array])[] = [];
  #bytes = 0;
  #imported = 0;
  #skipped = 0;
  /** The line that is read or written. */
  #line = 0;

  constructor(connection: Connection, schema: Schema, { onProgress }: ImportOptions) {
    this.#connection = connection;
    this.#layouts = perCollection(schema, (layout) => layout) as Record<string, Layout>;
    this.#onProgress = onProgress;
  }

  async run(source: Ndjson): Promise<Imported> {
    let unread: unknown;
    try {
      await this.#read(source).catch((thrown) => {
        unread = thrown;
      });
      // Also what stands before a line that cannot be read.
      await this.#save();
      if (unread) throw unread;
      return this.#progress;
    } catch (thrown) {
      throw this.#fault(toHolmError(thrown, 'import_failed'));
    }
  }

  get #progress(): Imported {
    return { imported: this.#imported, skipped: this.#skipped };
  }

  async #read(source: Ndjson): Promise<void> {
    for await (const text of linesOf(source)) {
      this.#line += 1;
      if (text.trim()) this.#take(text);
      if (this.#bytes > TRANSACTION_BYTES || this.#ops.length === TRANSACTION_DOCUMENTS_MAX) {
        await this.#save();
      }
    }
  }

  #take(text: string): void {
    const { collection, id, fields } = JSON.parse(text);
    if (collection === OUTBOX) {
      this.#skipped += 1;
      return;
    }
    const layout = this.#layouts[collection] ?? new Layout(collection);
    const op = operation(layout, 'upsert', id, decode(fields));
    this.#ops.push([this.#line, op]);
    this.#bytes += op.length;
  }

  async #save(): Promise<void> {
    const [ops, line, onProgress] = [this.#ops, this.#line, this.#onProgress];
    [this.#ops, this.#bytes] = [[], 0];
    try {
      await this.#write(ops.map(([, op]) => op));
    } catch {
      // Nothing of it was saved. Which one is at fault?
      for (const [at, op] of ops) {
        this.#line = at;
        await this.#write([op]);
      }
      this.#line = line;
    }
    if (onProgress) callOut(() => onProgress(this.#progress));
  }

  async #write(ops: readonly Uint8Array[]): Promise<void> {
    if (ops.length > 0) await this.#connection.request('write', {}, joined(ops));
    this.#imported += ops.length;
  }

  #fault({ code, message, retryable, details }: HolmError): HolmError {
    const [imported, line] = [this.#imported, this.#line];
    const text =
      `Line ${line} was not imported: ${message} ` +
      `${imported} documents before it were; mend it, and import all of it again.`;
    return new HolmError(code, text, { retryable, details: { ...details, line, imported } });
  }
}

async function* linesOf(source: Ndjson): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  for await (const piece of piecesOf(source)) {
    rest += typeof piece === 'string' ? piece : decoder.decode(piece, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() as string;
    yield* lines;
    if (rest.length > LINE_CHARS_MAX) throw new Error('it is longer than any document.');
  }
  yield rest + decoder.decode();
}

/** Not every browser can iterate over a stream. */
async function* piecesOf(source: Ndjson): AsyncGenerator<Uint8Array | string, void, undefined> {
  if (!('getReader' in source)) return yield* source;
  const reader = source.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    // Where the import has failed nobody reads on.
    reader.cancel().catch(() => {});
  }
}
