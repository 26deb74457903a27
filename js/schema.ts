// What a database holds: builders for fields, `defineSchema`, and the types that flow from it.
import { toPlain } from './binary.ts';
import type { Json, Place } from './value.ts';

/** Phantom members that carry a field's types; nothing is ever stored there. */
declare const TYPES: unique symbol;

type Kind =
  | 'string'
  | 'int'
  | 'float'
  | 'bool'
  | 'timestamp'
  | 'bytes'
  | 'enum'
  | 'json'
  | 'ref'
  | 'list';

/** A field's definition as the engine reads it (docs/PAGE.md). */
export interface WireField {
  readonly kind: Kind;
  readonly nullable?: true;
  readonly default?: Json;
  readonly index?: true;
  readonly local?: true;
  readonly values?: readonly string[];
  readonly collection?: string;
  readonly item?: WireField;
}

/** A schema as the engine reads it. */
export interface WireSchema {
  readonly version: number;
  readonly collections: Readonly<Record<string, WireCollection>>;
}

interface WireCollection {
  readonly local?: true;
  /** In the order of a row's columns. */
  readonly fields: readonly (WireField & { readonly name: string })[];
  readonly indexes?: readonly (readonly string[])[];
}

/**
 * A field of a collection: `Out` is what reading gives, `In` what writing takes, and `Optional`
 * whether an insert may leave it out. Made by the builders of `t`; immutable.
 */
export class Field<Out, In, Optional extends boolean> {
  declare readonly [TYPES]: { readonly out: Out; readonly in: In; readonly optional: Optional };
  /** The definition, all but the default. */
  readonly wire: WireField;
  /** What an insert without this field gets. */
  readonly fallback: { readonly value: unknown } | undefined;

  constructor(wire: WireField, fallback?: { readonly value: unknown }) {
    this.wire = wire;
    this.fallback = fallback;
  }

  /** Also takes null, which an insert may leave out. */
  nullable(): Field<Out | null, In | null, true> {
    return new Field({ ...this.wire, nullable: true }, this.fallback);
  }

  /** An insert may leave the field out and gets this value. */
  default(value: In): Field<Out, In, true> {
    return new Field(this.wire, { value });
  }

  /** Keeps an index over the field. */
  index(): Field<Out, In, Optional> {
    return new Field({ ...this.wire, index: true }, this.fallback);
  }

  /** Never leaves the device. */
  local(): Field<Out, In, Optional> {
    return new Field({ ...this.wire, local: true }, this.fallback);
  }
}

type Required<Out, In = Out> = Field<Out, In, false>;

/** Any field. */
export type AnyField = Field<unknown, unknown, boolean>;

/** The fields of a collection by name. `id` is a field of every collection and is not listed. */
export type Fields = Readonly<Record<string, AnyField>>;

/** A collection whose documents never leave the device. Made by `t.local`. */
export class LocalCollection<F extends Fields> {
  /** Its fields. */
  readonly fields: F;

  constructor(fields: F) {
    this.fields = fields;
  }
}

/** The collections of a schema by name. */
export type Collections = Readonly<Record<string, Fields | LocalCollection<Fields>>>;

function field<Out, In = Out>(kind: Kind, more: Partial<WireField> = {}): Required<Out, In> {
  return new Field({ kind, ...more });
}

/**
 * Builders of fields.
 *
 * @example
 * const films = {
 *   title: t.string(),
 *   rating: t.float().nullable().index(),
 *   genre: t.enum('drama', 'comedy').default('drama'),
 *   director: t.ref('people').nullable(),
 *   tags: t.list(t.string()).default([]),
 * };
 */
export const t = {
  /** Text: well-formed Unicode without U+0000. */
  string: () => field<string>('string'),
  /** A whole number within 2^53 - 1 of zero. */
  int: () => field<number>('int'),
  /** A finite number. */
  float: () => field<number>('float'),
  /** True or false. */
  bool: () => field<boolean>('bool'),
  /** A time: takes a `Date` or milliseconds since 1970 in UTC, reads as milliseconds. */
  timestamp: () => field<number, number | Date>('timestamp'),
  /** Bytes. */
  bytes: () => field<Uint8Array>('bytes'),
  /** One of the given texts. */
  enum: <const V extends readonly [string, ...string[]]>(...values: V) =>
    field<V[number]>('enum', { values }),
  /** Any JSON value, replaced as a whole; give its type where it has one. */
  json: <T = Json>() => field<T>('json'),
  /** The id of a document of another collection. It need not exist. */
  ref: (collection: string) => field<string>('ref', { collection }),
  /** A list, replaced as a whole. */
  list: <Out, In>(item: Field<Out, In, boolean>) =>
    field<readonly Out[], readonly In[]>('list', { item: item.wire }),
  /** Marks a whole collection that never leaves the device: `drafts: t.local({ ... })`. */
  local: <F extends Fields>(fields: F) => new LocalCollection(fields),
} as const;

/** A schema: what `createDatabase` opens and where all types come from. */
export interface Schema<C extends Collections = Collections> {
  readonly version: number;
  readonly collections: C;
  /** As the engine reads it. */
  readonly wire: WireSchema;
}

type Indexes<C extends Collections> = {
  readonly [N in keyof C]?: readonly (readonly ('id' | (keyof FieldsOf<C[N]> & string))[])[];
};

/**
 * Describes a database. Throws `bad_value` for a default that does not fit; the rest is checked
 * by the engine when the database is opened (`schema_invalid`).
 *
 * @example
 * const schema = defineSchema({
 *   version: 1,
 *   collections: {
 *     films: { title: t.string(), year: t.int().nullable(), genre: t.string().nullable() },
 *     drafts: t.local({ text: t.string() }),
 *   },
 *   indexes: { films: [['genre', 'year']] },
 * });
 * type Film = Row<typeof schema, 'films'>;
 */
export function defineSchema<const C extends Collections>(definition: {
  readonly version: number;
  readonly collections: C;
  readonly indexes?: Indexes<C>;
}): Schema<C> {
  const { version, collections } = definition;
  const indexes = (definition.indexes ?? {}) as Record<string, readonly (readonly string[])[]>;
  const wire = Object.entries(collections).map(([name, collection]) => {
    const fields = Object.entries(fieldsOf(collection)).map(([key, field]) => ({
      name: key,
      ...wireField(field, fieldPlace(name, key, field)),
    }));
    const entry: WireCollection = {
      ...(collection instanceof LocalCollection && { local: true as const }),
      fields,
      ...(Object.hasOwn(indexes, name) && { indexes: indexes[name] as string[][] }),
    };
    return [name, entry] as const;
  });
  return { version, collections, wire: { version, collections: Object.fromEntries(wire) } };
}

/** The fields of a collection, be it local or not. */
export function fieldsOf(collection: Fields | LocalCollection<Fields>): Fields {
  return collection instanceof LocalCollection ? collection.fields : collection;
}

function wireField(field: AnyField, place: Place): WireField {
  if (!field.fallback) return field.wire;
  return { ...field.wire, default: toPlain(field.fallback.value, place) };
}

const EXPECTED: Readonly<Record<Kind, string>> = {
  string: 'a string',
  int: 'a whole number',
  float: 'a finite number',
  bool: 'true or false',
  timestamp: 'a Date or milliseconds',
  bytes: 'a Uint8Array',
  enum: 'one of its values',
  json: 'a JSON value',
  ref: 'an id',
  list: 'a list',
};

/** Where a value of a field stands. */
export function fieldPlace(collection: string, name: string, field: AnyField): Place {
  const { kind, nullable, item } = field.wire;
  return {
    collection,
    field: name,
    expected: EXPECTED[kind] + (nullable ? ' or null' : ''),
    takesDates: kind === 'timestamp' || item?.kind === 'timestamp',
  };
}

type Flat<T> = { [K in keyof T]: T[K] } & {};
type FieldsOf<D> = D extends LocalCollection<infer F> ? F : D;
type Of<S extends Schema, N extends CollectionName<S>> = FieldsOf<S['collections'][N]>;
type Out<F> = F extends Field<infer O, infer _I, infer _M> ? O : never;
type In<F> = F extends Field<infer _O, infer I, infer _M> ? I : never;
type OptionalKeys<F> = {
  [K in keyof F]: F[K] extends Field<infer _O, infer _I, true> ? K : never;
}[keyof F];

/** The names of a schema's collections. */
export type CollectionName<S extends Schema> = keyof S['collections'] & string;

/** A document as it is read: `Row<typeof schema, 'films'>`. */
export type Row<S extends Schema, N extends CollectionName<S>> = Flat<
  { readonly id: string } & { readonly [K in keyof Of<S, N>]: Out<Of<S, N>[K]> }
>;

/** What an insert takes: fields that are nullable or have a default may be left out. */
export type Insert<S extends Schema, N extends CollectionName<S>> = Flat<
  { readonly id?: string | undefined } & {
    readonly [K in Exclude<keyof Of<S, N>, OptionalKeys<Of<S, N>>>]: In<Of<S, N>[K]>;
  } & { readonly [K in OptionalKeys<Of<S, N>>]?: In<Of<S, N>[K]> | undefined }
>;

/** What an update takes: the fields that change. */
export type Update<S extends Schema, N extends CollectionName<S>> = {
  readonly [K in keyof Of<S, N>]?: In<Of<S, N>[K]> | undefined;
};

/** What each field can be compared with in a query. */
export type Operands<S extends Schema, N extends CollectionName<S>> = Flat<
  { readonly id: string } & { readonly [K in keyof Of<S, N>]: NonNullable<In<Of<S, N>[K]>> }
>;
