// The client on the real engine, in place: what `npm run build` put into dist, as it is shipped.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Change } from '../query.ts';
import { createDatabase, defineSchema, t } from './built.ts';

const schema = defineSchema({
  version: 1,
  collections: {
    films: {
      title: t.string(),
      rating: t.float().nullable().index(),
      genre: t.enum('drama', 'comedy').default('drama'),
      year: t.int().default(0),
      seen: t.bool().default(false),
      released: t.timestamp().nullable(),
      poster: t.bytes().nullable(),
      extra: t.json().nullable(),
      tags: t.list(t.string()).default([]),
      director: t.ref('people').nullable(),
    },
    people: { name: t.string() },
    drafts: t.local({ text: t.string() }),
  },
});

const open = () => createDatabase({ name: 'engine-test', schema });
type Db = Awaited<ReturnType<typeof open>>;
let db: Db;

beforeEach(async () => {
  db = await open();
});

afterEach(() => db.close());

/** Everything in the database, as it would be exported. */
function everything(): Promise<string> {
  return new Response(db.export()).text();
}

/** A row whose fields are those given, and else the defaults. */
const film = (id: string, fields: object) => ({
  id,
  rating: null,
  genre: 'drama',
  year: 0,
  seen: false,
  released: null,
  poster: null,
  extra: null,
  tags: [],
  director: null,
  ...fields,
});

describe('documents', () => {
  it('are there after they are saved, with their defaults', async () => {
    const write = db.mutate.films.insert({ title: 'Alien' });
    await write.saved;
    expect(await db.query.films.get()).toEqual([film(write.id, { title: 'Alien' })]);
    expect(db.status.storage).toMatchObject({ kind: 'memory', durable: false, state: 'ok' });
  });

  it('keep every kind of value', async () => {
    const fields = {
      title: '\u03c0 "\ud83d\ude00"\n\\',
      rating: -1.5e-7,
      genre: 'comedy' as const,
      year: -9007199254740991,
      seen: true,
      poster: new Uint8Array([0, 255, 7]),
      extra: { a: [1, { $: 'bytes', v: 'AAAA' }], $: { $: 1 }, '': null },
      tags: ['', 'b'],
      director: 'nobody',
    };
    await db.mutate.films.insert({ id: 'x', ...fields, released: new Date(86_400_000) }).saved;
    expect(await db.query.films.get()).toEqual([film('x', { ...fields, released: 86_400_000 })]);
  });

  it('have keys that are names of the language as plain data', async () => {
    const extra = JSON.parse('{"__proto__":{"x":1},"constructor":2,"toString":[3]}');
    await db.mutate.films.insert({ id: 'x', title: 'a', extra }).saved;
    const [row] = await db.query.films.get();
    expect(JSON.stringify(row?.extra)).toContain('"__proto__":{"x":1}');
    expect(Object.keys(row?.extra as object).sort()).toEqual(Object.keys(extra).sort());
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  it('are updated field by field, upserted and deleted', async () => {
    await db.mutate.films.insert({ id: 'x', title: 'a', year: 1 }).saved;
    await db.mutate.films.update('x', { rating: 5 }).saved;
    await db.mutate.films.upsert({ id: 'x', title: 'b' }).saved;
    const [row] = await db.query.films.get();
    expect(row).toMatchObject({ title: 'b', rating: 5 });
    await db.mutate.films.delete('x').saved;
    expect(await db.query.films.get()).toEqual([]);
    await db.mutate.films.insert({ id: 'x', title: 'again' }).saved;
    expect(await db.query.films.get()).toEqual([film('x', { title: 'again' })]);
  });

  it('come by the thousand, and are seeded once', async () => {
    const films = Array.from({ length: 3_201 }, (_, at) => ({ id: `f${at}`, title: `t${at}` }));
    const steps: number[] = [];
    await db.seed('films', films, { onProgress: ({ saved }) => steps.push(saved) });
    expect(steps.at(-1)).toBe(3_201);
    expect((await db.query.films.get()).length).toBe(3_201);
    await db.mutate.films.update('f7', { title: 'mine' }).saved;
    await db.seed('films', films);
    expect((await db.query.films.get()).length).toBe(3_201);
    const [mine] = await db.query.films.where('id', '=', 'f7').get();
    expect(mine?.title).toBe('mine');
  });

  it('that never leave the device are not in the outbox; others are', async () => {
    const local = db.mutate.drafts.insert({ text: 'a' });
    await local.accepted;
    expect(await db.outbox.get()).toEqual([]);
    const write = db.mutate.people.insert({ name: 'a' });
    await write.saved;
    const [entry] = await db.outbox.get();
    expect(entry).toMatchObject({ state: 'queued', seq: null, documents: [['people', write.id]] });
    expect(db.status.outbox.queued).toBe(1);
    if (entry) await db.outbox.discard(entry);
    expect(write.state).toBe('discarded');
    expect(await db.query.people.get()).toEqual([]);
    expect(await db.outbox.get()).toEqual([]);
  });
});

describe('queries of a collection', () => {
  it('are paged by cursor and by offset, also while they change', async () => {
    const titles = Array.from({ length: 25 }, (_, nth) => `t${(nth * 7) % 25}`);
    await db.mutate.films.insertMany(titles.map((title) => ({ title }))).saved;
    const sorted = db.query.films.orderBy('title');
    const all = await sorted.get();
    const paged: string[] = [];
    let page = await sorted.limit(10).get();
    while (page.length > 0) {
      paged.push(...page.map(({ title }) => title));
      page = await sorted
        .startAfter(page.at(-1) as (typeof page)[0])
        .limit(10)
        .get();
    }
    expect(paged).toEqual(all.map(({ title }) => title));
    let shown: readonly { readonly title: string }[] = [];
    const stop = sorted.offset(20).subscribe(({ rows }) => {
      shown = rows;
    });
    await expect.poll(() => shown.length).toBe(5);
    await db.mutate.films.delete(all[0]?.id ?? '').saved;
    await expect.poll(() => shown.map(({ title }) => title)).toEqual(paged.slice(21));
    stop();
    expect(await sorted.offset(3).first()).toMatchObject({ title: paged[4] });
  });

  it('come whole, however many there are, and move as others do', async () => {
    const count = 2_345;
    const rows = Array.from({ length: count }, (_, nth) => ({
      id: `f${10_000 + nth}`,
      title: 'x',
    }));
    await db.mutate.films.insertMany(rows).saved;
    const ids = (found: readonly { readonly id: string }[]) => found.map(({ id }) => id);
    expect(ids(await db.query.films.get())).toEqual(ids(rows));
    let shown: readonly { readonly id: string }[] = [];
    let calls = 0;
    const stop = db.query.films.subscribe((change) => {
      shown = change.rows;
      calls += 1;
    });
    await expect.poll(() => shown.length).toBe(count);
    expect([calls, ids(shown)]).toEqual([1, ids(rows)]);
    const last = shown.at(-1);
    await db.mutate.films.delete('f10000').saved;
    await expect.poll(() => shown.length).toBe(count - 1);
    expect(shown.at(-1)).toBe(last);
    stop();
  });

  it('explain themselves', async () => {
    const rated = db.query.films.where('rating', '>', 5).orderBy('rating').limit(3);
    const [how, order, route] = (await rated.explain()).split('\n');
    expect(how).toMatch(/^films: (the index \(rating in a range\)|documents \(id\)), about 0$/);
    expect(order).toMatch(/^(in order, until enough match|all, and sorts what matches)$/);
    expect(route).toBe('visits every commit to films');
    const bad = db.query.films.where('rating', '>', Number.NaN);
    await expect(bad.explain()).rejects.toMatchObject({ code: 'bad_value' });
  });

  it('are found by their texts, their lists and several values', async () => {
    await db.mutate.films.insertMany([
      { id: 'a', title: '100%', tags: ['noir', 'war'] },
      { id: 'b', title: '1000', year: 5 },
      { id: 'c', title: '\u{1f600}0', rating: 3 },
    ]).saved;
    const ids = async (query: { get(): Promise<readonly { readonly id: string }[]> }) =>
      (await query.get()).map(({ id }) => id).join('');
    const { films } = db.query;
    expect(await ids(films.where('title', 'like', '100\\%'))).toBe('a');
    expect(await ids(films.where('title', 'like', '_0'))).toBe('c');
    expect(await ids(films.where('title', 'prefix', '100'))).toBe('ab');
    expect(await ids(films.where('title', 'contains', '00'))).toBe('ab');
    expect(await ids(films.where('tags', 'contains', 'war'))).toBe('a');
    expect(await ids(films.where('year', 'between', [1, 9]))).toBe('b');
    expect(await ids(films.where('rating', 'not in', [3]))).toBe('ab');
    expect(await ids(films.where('rating', 'is null'))).toBe('ab');
    await expect(films.where('title', 'like', '\\').get()).rejects.toMatchObject({
      code: 'bad_query',
      details: { place: 'where.value' },
    });
  });
});

describe('queries', () => {
  beforeEach(async () => {
    const rows = [
      { id: 'a', title: 'B', rating: 3, year: 1990 },
      { id: 'b', title: 'A', rating: null, year: 1990 },
      { id: 'c', title: '\u03a9', rating: 9, genre: 'comedy' as const, released: new Date(5) },
    ];
    await db.mutate.films.insertMany(rows, { atomic: true }).saved;
  });

  const ids = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id).join('');
  const films = () => db.query.films;

  it.each<[string, () => ReturnType<typeof films>, string]>([
    ['all, by id', () => films(), 'abc'],
    ['=', () => films().where('year', '=', 1990), 'ab'],
    ['!= is true for null', () => films().where('rating', '!=', 3), 'bc'],
    ['< is false for null', () => films().where('rating', '<', 100), 'ac'],
    ['in', () => films().where('id', 'in', ['c', 'a', 'z']), 'ac'],
    ['a Date', () => films().where('released', '<=', new Date(5)), 'c'],
    ['and', () => films().where('year', '=', 1990).where('rating', '>=', 3), 'a'],
    [
      'or, not',
      () => films().where((q) => q.or(q('id', '=', 'a'), q.not(q('year', '>', 0)))),
      'ac',
    ],
    ['order', () => films().orderBy('year', 'desc').orderBy('title'), 'bac'],
    ['nulls first', () => films().orderBy('rating'), 'bac'],
    ['limit', () => films().orderBy('rating', 'desc').limit(2), 'ca'],
  ])('%s', async (_, query, expected) => {
    expect(ids(await query().get())).toBe(expected);
  });

  it('live move by patch, and rows that did not change are the same objects', async () => {
    const changes: Change<{ readonly id: string; readonly title: string }>[] = [];
    let heard = () => {};
    const next = () => new Promise<void>((resolve) => (heard = resolve));
    const first = next();
    const stop = films()
      .where('year', '=', 1990)
      .orderBy('title')
      .subscribe((change) => {
        changes.push(change);
        heard();
      });
    await first;
    expect(changes[0]?.patch).toBeNull();
    expect(ids(changes[0]?.rows ?? [])).toBe('ba');

    const second = next();
    await db.mutate.films.insert({ id: 'd', title: 'AA', year: 1990 }).saved;
    await second;
    expect(ids(changes[1]?.rows ?? [])).toBe('bda');
    expect(changes[1]?.patch).toMatchObject({
      removes: [],
      inserts: [{ at: 1, row: { id: 'd' } }],
    });
    expect(changes[1]?.rows[0]).toBe(changes[0]?.rows[0]);
    expect(changes[1]?.rows[2]).toBe(changes[0]?.rows[1]);

    const third = next();
    await db.mutate.films.update('b', { title: 'Z' }).saved;
    await third;
    expect(ids(changes[2]?.rows ?? [])).toBe('dab');
    expect(changes[2]?.rows[0]).toBe(changes[1]?.rows[1]);
    expect(changes[2]?.rows[1]).toBe(changes[1]?.rows[2]);
    expect(changes[2]?.rows[2]).not.toBe(changes[1]?.rows[0]);

    await db.mutate.films.insert({ id: 'e', title: 'other', year: 5 }).saved;
    stop();
    await db.mutate.films.delete('a').saved;
    expect(changes.length).toBe(3);
  });
});

describe('transactions', () => {
  it('read their own writes and are saved whole', async () => {
    const seen = await db.transaction(async (tx) => {
      const id = tx.mutate.people.insert({ name: 'Ann' });
      tx.mutate.people.update(id, { name: 'Anna' });
      return tx.query.people.get();
    });
    expect(seen).toMatchObject([{ name: 'Anna' }]);
    expect(await db.query.people.get()).toEqual(seen);
  });

  it('leave nothing behind when they throw or are refused', async () => {
    await db.mutate.people.insert({ id: 'a', name: 'Ann' }).saved;
    const before = await everything();
    await expect(
      db.transaction((tx) => {
        tx.mutate.people.delete('a');
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    await expect(
      db.transaction((tx) => {
        tx.mutate.people.update('a', { name: 'x' });
        tx.mutate.people.insert({ id: 'a', name: 'again' });
      }),
    ).rejects.toMatchObject({ code: 'exists', details: { collection: 'people', id: 'a' } });
    expect(await everything()).toEqual(before);
  });

  it('that met others are run again, so that no count is lost', async () => {
    await db.mutate.films.insert({ id: 'n', title: 'counter' }).saved;
    const increment = () =>
      db.transaction(async (tx) => {
        const [row] = await tx.query.films.where('id', '=', 'n').get();
        tx.mutate.films.update('n', { year: (row?.year ?? 0) + 1 });
      });
    await Promise.all([increment(), increment(), increment()]);
    expect((await db.query.films.get())[0]?.year).toBe(3);
  });

  it('that meet others each time give up after six', async () => {
    await db.mutate.films.insert({ id: 'n', title: 'counter' }).saved;
    let runs = 0;
    const busy = db.transaction(async (tx) => {
      runs += 1;
      await tx.query.films.get();
      await db.mutate.films.update('n', { year: runs }).saved;
      tx.mutate.films.update('n', { title: 'mine' });
    });
    await expect(busy).rejects.toMatchObject({ code: 'transaction_conflict', retryable: true });
    expect(runs).toBe(6);
  });
});

describe('bad input is refused with its facts, and changes nothing', () => {
  /** The client's writes with the types taken off, as a program without types has them. */
  type Loose = Record<string, { insert(document: object): { saved: Promise<void> } }>;
  const insert = (collection: string, document: object) => {
    const mutate = db.mutate as unknown as Loose;
    return mutate[collection]?.insert(document).saved;
  };
  const where = (field: string, op: string, value: unknown) => {
    type Where = (...given: unknown[]) => { get(): Promise<unknown> };
    const { films } = db.query;
    return (films.where as unknown as Where).call(films, field, op, value).get();
  };
  const big = (bytes: number) => 'x'.repeat(bytes);
  const cases: readonly (readonly [string, () => Promise<unknown> | undefined, object])[] = [
    [
      'an unknown collection',
      () => insert('movies', { title: 'a' }),
      { code: 'unknown_collection', details: { collection: 'movies' } },
    ],
    [
      'an unknown field',
      () => insert('films', { title: 'a', titel: 'b' }),
      { code: 'unknown_field', details: { collection: 'films', field: 'titel' } },
    ],
    [
      'a wrong type',
      () => insert('films', { title: 'a', year: 'b' }),
      {
        code: 'bad_value',
        details: {
          ...{ collection: 'films', field: 'year' },
          ...{ found: expect.stringContaining('string'), expected: expect.any(String) },
        },
      },
    ],
    [
      'a fraction for an int',
      () => insert('films', { title: 'a', year: 1.5 }),
      { code: 'bad_value', details: { field: 'year' } },
    ],
    [
      'an int over 2^53',
      () => insert('films', { title: 'a', year: 2 ** 53 }),
      { code: 'bad_value', details: { field: 'year' } },
    ],
    [
      'not one of the values',
      () => insert('films', { title: 'a', genre: 'western' }),
      { code: 'bad_value', details: { field: 'genre' } },
    ],
    [
      'null where it is not taken',
      () => insert('films', { title: null }),
      { code: 'bad_value', details: { field: 'title' } },
    ],
    [
      'NaN',
      () => insert('films', { title: 'a', rating: Number.NaN }),
      { code: 'bad_value', details: { field: 'rating', found: 'NaN' } },
    ],
    [
      'an unpaired surrogate',
      () => insert('films', { title: '\ud800' }),
      { code: 'bad_value', details: { field: 'title' } },
    ],
    [
      'a missing required field',
      () => insert('films', { rating: 1 }),
      { code: 'missing_field', details: { collection: 'films', field: 'title' } },
    ],
    [
      'a duplicate id',
      () => insert('people', { id: 'ann', name: 'again' }),
      { code: 'exists', details: { collection: 'people', id: 'ann' } },
    ],
    [
      'an update of nothing',
      () => db.mutate.people.update('nobody', { name: 'a' }).saved,
      { code: 'not_found', details: { collection: 'people', id: 'nobody' } },
    ],
    [
      'an unknown operator',
      () => where('year', 'near', 1),
      { code: 'unknown_operator', details: { operator: 'near' } },
    ],
    [
      'an unknown field in a query',
      () => where('titel', '=', 'a'),
      { code: 'unknown_field', details: { collection: 'films', field: 'titel' } },
    ],
    [
      'a field in a query whose name has U+0000',
      () => where('title\0', '=', 'a'),
      { code: 'unknown_field', details: { collection: 'films', field: 'title\ufffd' } },
    ],
    [
      'a document over 256 KiB',
      () => insert('people', { id: 'big', name: big(262_145) }),
      { code: 'document_too_large', details: { collection: 'people', id: 'big' } },
    ],
    [
      'a transaction over 16 MiB',
      () => {
        const people = Array.from({ length: 85 }, () => ({ name: big(200_000) }));
        return db.mutate.people.insertMany(people, { atomic: true }).saved;
      },
      { code: 'transaction_too_large' },
    ],
  ];
  it.each(cases)('%s', async (_, run, error) => {
    await db.mutate.people.insert({ id: 'ann', name: 'Ann' }).saved;
    const before = await everything();
    await expect(run()).rejects.toMatchObject({ name: 'HolmError', ...error });
    expect(await everything()).toEqual(before);
    expect(db.status.outbox.queued).toBe(1);
    await db.mutate.people.insert({ id: 'bob', name: 'Bob' }).saved;
    expect((await db.query.people.get()).length).toBe(2);
  });

  it('a schema that refers to nothing', async () => {
    const bad = defineSchema({ version: 1, collections: { a: { b: t.ref('nowhere') } } });
    await expect(createDatabase({ name: 'bad', schema: bad })).rejects.toMatchObject({
      code: 'schema_invalid',
    });
  });
});
