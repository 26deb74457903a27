// Many documents as few transactions: cut by size, saved in order, encoded while those before are
// being saved, so that neither this thread nor the engine has a long task.
import { BinaryWriter } from './binary.ts';
import type { Answer } from './message.ts';
import { turn } from './turn.ts';

/** At most this much in a transaction; one document larger than this has one of its own. */
export const TRANSACTION_BYTES = 256 * 1024;
export const TRANSACTION_DOCUMENTS_MAX = 500;
/** Of the first of several, which is encoded at once, by code that may never have run before. */
const FIRST_DOCUMENTS_MAX = 100;
/** After so many milliseconds of encoding others have this thread. */
const SLICE_MS = 5;
/** The clock is looked at after so many documents. */
const SLICE_DOCUMENTS = 16;

/** Some operations as the engine reads them, and how many. */
export interface Batch {
  readonly ops: Uint8Array;
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

/**
 * Cuts `count` operations into batches, drawing no more of them than the batch at hand needs. Null
 * says that others should have this thread before it goes on; the first batch comes at once.
 */
export function* cut(write: (writer: BinaryWriter, nth: number) => void, count: number): Cut {
  const writer = new BinaryWriter();
  let held = 0;
  let most = count > TRANSACTION_DOCUMENTS_MAX ? FIRST_DOCUMENTS_MAX : TRANSACTION_DOCUMENTS_MAX;
  let until = Number.POSITIVE_INFINITY;
  for (let nth = 0; nth < count; nth += 1) {
    const before = writer.length;
    write(writer, nth);
    if (held === most || (held > 0 && writer.length > TRANSACTION_BYTES)) {
      yield { ops: writer.take(before), count: held };
      [held, most] = [0, TRANSACTION_DOCUMENTS_MAX];
      until = performance.now() + SLICE_MS;
    } else if (held % SLICE_DOCUMENTS === 0 && performance.now() > until) {
      yield null;
      until = performance.now() + SLICE_MS;
    }
    held += 1;
  }
  if (held > 0) yield { ops: writer.take(writer.length), count: held };
}

/** Batches, with pauses between them. */
export type Cut = Generator<Batch | null, undefined>;

type Drawn = IteratorResult<Batch, undefined>;

/** A batch on its way: the number of its request, and its answer. */
export interface Sent {
  readonly number: number;
  readonly answer: Promise<Answer>;
}

/** What batches go out by. */
export interface Sender {
  /** So many may be under way. */
  readonly most: number;
  /** Sends a batch, which is refused if the request with the number `previous` was. */
  send(batch: Batch, previous?: number): Sent;
  /** A batch is saved. */
  onSaved(batch: Batch, answer: Answer): void;
  /** What comes of a request is of no interest any more; it is not sent again. */
  forget(number: number): void;
}

/**
 * Sends batch after batch, some at a time, so that the engine need not wait for this thread.
 * Rejects with the first error, of the engine or of drawing a batch; what was saved before stays,
 * and nothing that comes after.
 */
export async function sendInOrder(batches: Cut, sender: Sender): Promise<void> {
  const under: [Batch, Sent][] = [];
  const saveFirst = async () => {
    const [batch, { answer }] = under.shift() as [Batch, Sent];
    try {
      sender.onSaved(batch, await answer);
    } catch (error) {
      for (const [, { number }] of under) sender.forget(number);
      throw error;
    }
  };
  let drawn = batches.next() as Drawn;
  while (!drawn.done) {
    const sent = sender.send(drawn.value, under[0]?.[1].number);
    sent.answer.catch(() => {}); // told by `saveFirst`
    under.push([drawn.value, sent]);
    const drawing = draw(batches);
    drawing.catch(() => {}); // told below
    if (under.length === sender.most) await saveFirst();
    try {
      drawn = await drawing;
    } catch (error) {
      await saveFirst();
      throw error;
    }
  }
  if (under.length > 0) await saveFirst();
}

/** Lets a message go, and others have this thread, before it is busy with the next batch. */
async function draw(batches: Cut): Promise<Drawn> {
  for (;;) {
    await turn();
    const drawn = batches.next();
    if (drawn.value !== null) return drawn as Drawn;
  }
}

/** All batches as one; between two that it draws it lets other tasks of this thread run. */
export async function gather(drawn: readonly (Batch | null)[], rest: Cut): Promise<Batch> {
  const all = [...drawn];
  for (const batch of rest) {
    all.push(batch);
    await turn();
  }
  const whole = all.filter((batch) => batch !== null);
  const count = whole.reduce((sum, batch) => sum + batch.count, 0);
  return { ops: joined(whole.map(({ ops }) => ops)), count };
}

/** Operations as one. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
