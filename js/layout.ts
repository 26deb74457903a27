// One collection's fields as the client needs them: which column is which, what a document or a
// value looks like on the way to the engine, and what a row looks like on the way back.
import type { BinaryWriter } from './binary.ts';
import { HolmError } from './error.ts';
import type { WireRow } from './message.ts';
import { type AnyField, fieldPlace, fieldsOf, type Schema } from './schema.ts';
import { badValue, decode, type Json, type Place, put, textFault } from './value.ts';

/** Kinds whose values may hold tagged bytes. */
const NEEDS_DECODING: ReadonlySet<string> = new Set(['bytes', 'json', 'list']);

/** A row as the app sees it, before its type is known. */
export type PlainRow = { readonly id: string } & Record<string, unknown>;

/** See the head of the file. */
export class Layout {
  readonly collection: string;
  /** Names of the columns of a row: `id`, then the fields. */
  readonly columns: readonly string[];
  readonly #fields: ReadonlyMap<string, readonly [position: number, place: Place]>;
  readonly #tagged: readonly boolean[];
  readonly #isKnown: boolean;

  /** Without fields: a collection that the schema does not have. */
  constructor(collection: string, fields?: Readonly<Record<string, AnyField>>) {
    const entries = Object.entries(fields ?? {});
    this.collection = collection;
    this.#isKnown = fields !== undefined;
    this.columns = ['id', ...entries.map(([name]) => name)];
    this.#tagged = [false, ...entries.map(([, field]) => NEEDS_DECODING.has(field.wire.kind))];
    this.#fields = new Map(
      entries.map(([name, field], at) => [name, [at, fieldPlace(collection, name, field)]]),
    );
  }

  /** Where values of a field stand; also for a field that is not there, which the engine judges. */
  place(field: string): Place {
    const { collection } = this;
    return (
      this.#fields.get(field)?.[1] ?? {
        collection,
        field,
        expected: field === 'id' ? 'a string' : 'a value',
      }
    );
  }

  /**
   * Writes a document's fields for the engine: the position of each, then its value. A member that
   * is undefined counts as absent.
   */
  writeFields(writer: BinaryWriter, document: unknown): void {
    if (!this.#isKnown) throw unknown('The schema', 'collection', this.collection);
    if (typeof document !== 'object' || document === null) {
      throw badValue(document === null ? 'null' : typeof document, {
        ...this.place('*'),
        expected: 'an object of fields',
      });
    }
    const given = Object.entries(document).filter(
      ([name, value]) => name !== 'id' && value !== undefined,
    );
    writer.list(given.length * 2);
    for (const [name, value] of given) {
      const field = this.#fields.get(name);
      if (!field) throw unknown(this.collection, 'field', name);
      writer.write(field[0]);
      writer.write(value, field[1]);
    }
  }

  /** Refuses what is no id. */
  checkId(id: unknown): void {
    const isText = typeof id === 'string';
    const found = isText ? textFault(id) : id === null ? 'null' : typeof id;
    if (found) throw badValue(found, this.place('id'));
  }

  /** Rows of the engine as plain objects. */
  decodeRows(rows: readonly WireRow[]): PlainRow[] {
    return rows.map((row) => this.decodeRow(row));
  }

  /** A row of the engine as a plain object. */
  decodeRow(row: WireRow): PlainRow {
    const out: Record<string, unknown> = {};
    this.columns.forEach((_, column) => {
      this.setColumn(out, column, row[column] as Json);
    });
    return out as PlainRow;
  }

  /** Sets one column of a row that is being built. */
  setColumn(row: Record<string, unknown>, column: number, value: Json): void {
    put(row, this.columns[column] as string, this.#tagged[column] ? decode(value) : value);
  }
}

/** The layout of a collection of the schema, or one that says that it is unknown. */
export function layoutOf(schema: Schema, name: string): Layout {
  if (!Object.hasOwn(schema.collections, name)) return new Layout(name);
  return new Layout(name, fieldsOf(schema.collections[name] as Parameters<typeof fieldsOf>[0]));
}

/**
 * One value per collection, by name. A name that the schema does not have gets a value too, so
 * that a misspelt one ends in a typed error and not in "undefined is not an object".
 */
export function perCollection(schema: Schema, make: (layout: Layout) => object): object {
  const made: Record<string, object> = Object.create(null);
  for (const name of Object.keys(schema.collections)) made[name] = make(layoutOf(schema, name));
  return new Proxy(made, {
    get(target, name) {
      // Probed by the language and by tools on any object.
      if (typeof name === 'symbol' || (!target[name] && PROBED.has(name))) return undefined;
      target[name] ??= make(new Layout(name));
      return target[name];
    },
  });
}

const PROBED: ReadonlySet<string> = new Set(['then', 'toJSON', '$$typeof', 'constructor']);

function unknown(owner: string, what: 'collection' | 'field', name: string): HolmError {
  const details = what === 'field' ? { collection: owner, field: name } : { collection: name };
  return new HolmError(
    `unknown_${what}`,
    `${owner} has no ${what} \`${name}\`. Check the spelling, or add it to the schema.`,
    { details },
  );
}
