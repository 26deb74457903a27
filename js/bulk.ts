// Many documents as few transactions: cut by size, saved in order, encoded while the one before
// is being saved, so that neither this thread nor the engine has a long task.
import type { Answer } from './message.ts';

/** At most this much in a transaction; one document larger than this has one of its own. */
export const TRANSACTION_CHARS = 256 * 1024;
export const TRANSACTION_DOCUMENTS_MAX = 500;

/** Some operations as a list in JSON, without brackets. */
export interface Batch {
  readonly ops: string;
  readonly count: number;
}

/** Options of writes of many documents. */
export interface BulkOptions {
  /** Called after each transaction that is saved. */
  readonly onProgress?: (progress: { readonly saved: number; readonly total: number }) => void;
}

/** Options of `insertMany`. */
export interface InsertManyOptions extends BulkOptions {
  /** All documents in one transaction, or none; at most 16 MiB. */
  readonly atomic?: boolean;
}

/** Cuts operations into batches, drawing no more of them than the batch at hand needs. */
export function* cut(ops: Iterable<string>): Generator<Batch, undefined> {
  let texts: string[] = [];
  let chars = 0;
  for (const op of ops) {
    const isFull =
      texts.length === TRANSACTION_DOCUMENTS_MAX ||
      (texts.length > 0 && chars + op.length > TRANSACTION_CHARS);
    if (isFull) {
      yield { ops: texts.join(), count: texts.length };
      texts = [];
      chars = 0;
    }
    texts.push(op);
    chars += op.length;
  }
  if (texts.length > 0) yield { ops: texts.join(), count: texts.length };
}

/**
 * Sends batch after batch, each when the one before is saved. Rejects with the first error, of
 * the engine or of drawing a batch; what was saved before stays.
 */
export async function sendInOrder(
  batches: Iterator<Batch, undefined>,
  send: (batch: Batch) => Promise<Answer>,
  onSaved: (batch: Batch, answer: Answer) => void,
): Promise<void> {
  let next = attempt(batches);
  for (let drawn = next(); !drawn.done; drawn = next()) {
    const batch = drawn.value;
    const saving = send(batch);
    // Lets the message go, and others have this thread, before it is busy with the next one.
    await turn();
    next = attempt(batches);
    onSaved(batch, await saving);
  }
}

/**
 * Until other tasks of this thread have had their turn. By a message: timers of a page that is
 * hidden are held back by a second each.
 */
const turn = () =>
  new Promise<void>((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });

/** Draws now, and fails when asked. */
function attempt(batches: Iterator<Batch, undefined>): () => IteratorResult<Batch, undefined> {
  try {
    const drawn = batches.next();
    return () => drawn;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/** All batches as one; between two that it draws it lets other tasks of this thread run. */
export async function gather(drawn: readonly Batch[], rest: Iterable<Batch>): Promise<Batch> {
  const all = [...drawn];
  for (const batch of rest) {
    all.push(batch);
    await turn();
  }
  const count = all.reduce((sum, batch) => sum + batch.count, 0);
  return { ops: all.map(({ ops }) => ops).join(), count };
}
