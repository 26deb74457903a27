// Checked by tsc: each line marked as an error must be one.
import { expectTypeOf, it } from 'vitest';
import type { Database } from '../client.ts';
import type { Query } from '../query.ts';
import { useLiveQuery } from '../react/index.ts';
import { defineSchema, type Insert, type Row, t, type Update } from '../schema.ts';

const schema = defineSchema({
  version: 1,
  collections: {
    films: {
      title: t.string(),
      year: t.int().nullable().index(),
      rating: t.float().default(0),
      genre: t.enum('drama', 'comedy'),
      released: t.timestamp().nullable(),
      poster: t.bytes().nullable().local(),
      tags: t.list(t.string()).default([]),
      cast: t.json<{ readonly name: string }[]>().nullable(),
      director: t.ref('people').nullable(),
      seen: t.bool(),
    },
    people: { name: t.string() },
    drafts: t.local({ text: t.string(), at: t.timestamp() }),
  },
  indexes: { films: [['genre', 'year']], drafts: [['at', 'id']] },
});

type S = typeof schema;

// Never called: the types are the test.
function use(db: Database<S>) {
  const { mutate, query } = db;

  mutate.films.insert({ title: 'a', genre: 'drama', seen: true });
  mutate.films.insert({ id: 'x', title: 'a', genre: 'drama', seen: true, released: new Date() });
  // @ts-expect-error a required field is missing
  mutate.films.insert({ title: 'a', genre: 'drama' });
  // @ts-expect-error not one of the values
  mutate.films.insert({ title: 'a', genre: 'western', seen: true });
  // @ts-expect-error a misspelt field
  mutate.films.insert({ titel: 'a', title: 'a', genre: 'drama', seen: true });
  // @ts-expect-error a Date where none is taken
  mutate.films.insert({ title: 'a', genre: 'drama', seen: true, year: new Date() });
  // @ts-expect-error null where it is not taken
  mutate.films.update('x', { title: null });
  mutate.films.update('x', { year: null, released: 5 });
  mutate.drafts.insert({ text: 'a', at: new Date() });
  // @ts-expect-error no such collection
  mutate.movies;

  expectTypeOf(mutate.films.insert).returns.toHaveProperty('id');
  expectTypeOf(mutate.films.insertMany).returns.toHaveProperty('ids');

  query.films.where('genre', '=', 'drama').where('released', '<', new Date()).orderBy('year');
  query.films.where('year', 'in', [1, 2]).where('id', '=', 'x');
  query.films.where((q) => q.or(q('title', '=', 'a'), q.not(q('seen', '=', true))));
  query.films.where('year', 'between', [1990, 1999]).where('genre', 'not in', ['comedy']);
  query.films
    .where('title', 'like', 'a%')
    .where('director', 'prefix', 'p')
    .where('id', 'like', '_');
  query.films.where('tags', 'contains', 'noir').where('title', 'contains', 'x');
  query.films.where((q) => q.or(q('year', 'is null'), q('genre', 'prefix', 'dr')));
  query.films.orderBy('year').startAfter({ id: 'x', year: null }).offset(2);
  expectTypeOf(query.people.first()).resolves.toEqualTypeOf<Row<S, 'people'> | undefined>();
  // @ts-expect-error a misspelt field
  query.films.where('titel', '=', 'a');
  // @ts-expect-error a number is no text
  query.films.where('year', 'prefix', '19');
  // @ts-expect-error a number has no parts
  query.films.where('year', 'contains', 1);
  // @ts-expect-error no item of the list
  query.films.where('tags', 'contains', 1);
  // @ts-expect-error one bound
  query.films.where('year', 'between', [1]);
  // @ts-expect-error no row is without an id
  query.films.startAfter({ year: 1 });
  // @ts-expect-error a wrong operand
  query.films.where('year', '=', 'a');
  // @ts-expect-error not one of the values
  query.films.where('genre', '=', 'western');
  // @ts-expect-error no such operator
  query.films.where('year', 'near', 3);
  // @ts-expect-error comparisons with null are always false
  query.films.where('year', '=', null);
  // @ts-expect-error `in` takes a list
  query.films.where('year', 'in', 3);
  // @ts-expect-error a misspelt field
  query.films.orderBy('titel');
  // @ts-expect-error no such direction
  query.films.orderBy('year', 'up');
  // @ts-expect-error a wrong operand inside a condition
  query.films.where((q) => q('year', '=', 'a'));

  // What takes any query of some rows need not know what they are compared with.
  const people: Query<Row<S, 'people'>, never> = query.people;
  void people;
  expectTypeOf(query.people.get()).resolves.toEqualTypeOf<readonly Row<S, 'people'>[]>();
  query.people.subscribe(({ rows, patch }) => {
    expectTypeOf(rows).toEqualTypeOf<readonly Row<S, 'people'>[]>();
    expectTypeOf(patch?.inserts[0]?.row.name).toEqualTypeOf<string | undefined>();
  });

  const made = db.transaction(async (tx) => {
    expectTypeOf(tx.mutate.people.insert({ name: 'a' })).toEqualTypeOf<string>();
    // @ts-expect-error a transaction has no live queries
    tx.query.people.subscribe(() => {});
    return (await tx.query.people.get()).length;
  });
  expectTypeOf(made).resolves.toEqualTypeOf<number>();

  void db.seed('people', [{ id: 'a', name: 'a' }]);
  // @ts-expect-error a seed brings its ids
  void db.seed('people', [{ name: 'a' }]);
  // @ts-expect-error no such collection
  void db.seed('movies', []);

  // biome-ignore lint/correctness/useHookAtTopLevel: never called
  const live = useLiveQuery(() => query.people);
  if (live.status === 'live') {
    expectTypeOf(live.data).toEqualTypeOf<readonly Row<S, 'people'>[]>();
  }
  if (live.status === 'error') expectTypeOf(live.error.code).toBeString();
}

it('rows, inserts and updates have the types of the schema', () => {
  expectTypeOf(use).toBeFunction();
  expectTypeOf<Row<S, 'films'>>().toEqualTypeOf<{
    readonly id: string;
    readonly title: string;
    readonly year: number | null;
    readonly rating: number;
    readonly genre: 'drama' | 'comedy';
    readonly released: number | null;
    readonly poster: Uint8Array | null;
    readonly tags: readonly string[];
    readonly cast: { readonly name: string }[] | null;
    readonly director: string | null;
    readonly seen: boolean;
  }>();
  expectTypeOf<Insert<S, 'drafts'>>().toEqualTypeOf<{
    readonly id?: string | undefined;
    readonly text: string;
    readonly at: number | Date;
  }>();
  expectTypeOf<Insert<S, 'films'>['rating']>().toEqualTypeOf<number | undefined>();
  expectTypeOf<Update<S, 'people'>>().toEqualTypeOf<{ readonly name?: string | undefined }>();
});

it('a schema is checked as it is written', () => {
  defineSchema({
    version: 1,
    collections: { a: { x: t.int() } },
    // @ts-expect-error an index over a field that is not there
    indexes: { a: [['y']] },
  });
  // @ts-expect-error a default of another type
  t.int().default('1');
  // @ts-expect-error an enum has values
  t.enum();
});
