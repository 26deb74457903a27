import { describe, expect, it, vi } from 'vitest';
import type { Change } from '../query.ts';
import { refuse, ScriptedEngine, settled } from './scripted-engine.ts';

async function open() {
  const engine = new ScriptedEngine();
  return { engine, db: await engine.open() };
}

const patch = (subscription: unknown, more: object) => ({
  kind: 'patch',
  subscription,
  revision: 2,
  removes: [],
  moves: [],
  inserts: [],
  updates: [],
  ...more,
});

const result = (subscription: unknown, rows: unknown[]) => {
  return { kind: 'result', subscription, revision: 1, rows };
};

describe('a query', () => {
  it('becomes the query of the page protocol', async () => {
    const { engine, db } = await open();
    await db.query.films
      .where('genre', '=', 'drama')
      .where('released', '>=', new Date(5))
      .where((q) => q.or(q('rating', 'in', [1, 2]), q.not(q.and(q('id', '!=', 'x')))))
      .orderBy('rating', 'desc')
      .orderBy('title')
      .limit(10)
      .get();
    expect(engine.last('get').query).toEqual({
      from: 'films',
      where: {
        op: 'and',
        args: [
          { op: '=', field: 'genre', value: 'drama' },
          { op: '>=', field: 'released', value: 5 },
          {
            op: 'or',
            args: [
              { op: 'in', field: 'rating', values: [1, 2] },
              { op: 'not', arg: { op: 'and', args: [{ op: '!=', field: 'id', value: 'x' }] } },
            ],
          },
        ],
      },
      orderBy: [
        ['rating', 'desc'],
        ['title', 'asc'],
      ],
      limit: 10,
    });
  });

  it('has operators of texts, lists and several values', async () => {
    const { engine, db } = await open();
    await db.query.films
      .where('title', 'like', 'a%')
      .where('rating', 'between', [1, 2])
      .where('rating', 'not in', [1.5])
      .where((q) => q.or(q('title', 'prefix', 'A'), q('title', 'contains', 'b')))
      .where('released', 'is null')
      .get();
    expect(engine.last('get').query).toHaveProperty('where.args', [
      { op: 'like', field: 'title', value: 'a%' },
      { op: 'between', field: 'rating', values: [1, 2] },
      { op: 'not in', field: 'rating', values: [1.5] },
      {
        op: 'or',
        args: [
          { op: 'prefix', field: 'title', value: 'A' },
          { op: 'contains', field: 'title', value: 'b' },
        ],
      },
      { op: 'is null', field: 'released' },
    ]);
  });

  it('begins behind a row, whatever is said first', async () => {
    const { engine, db } = await open();
    const row = { id: 'f', title: 'Alien', released: new Date(7) };
    const { films } = db.query;
    const after = { from: 'films', orderBy: [['released', 'desc']], after: [7, 'f'], offset: 2 };
    await films.startAfter(row).orderBy('released', 'desc').offset(2).get();
    expect(engine.last('get').query).toEqual(after);
    await films.orderBy('released', 'desc').offset(2).startAfter(row).get();
    expect(engine.last('get').query).toEqual(after);
    await films.startAfter(row).get();
    expect(engine.last('get').query).toEqual({ from: 'films', after: ['f'] });
    const bad = { code: 'bad_value', details: { field: 'rating', found: 'undefined' } };
    await expect(films.startAfter(row).orderBy('rating').get()).rejects.toMatchObject(bad);
    await expect(films.offset(-1).get()).rejects.toMatchObject({ code: 'bad_query' });
  });

  it('gives the first row alone', async () => {
    const { engine, db } = await open();
    engine.on('get', () => ({ ok: { rows: [['f', 'A', 1, 'drama', null, null, null]] } }));
    expect(await db.query.films.offset(3).first()).toMatchObject({ id: 'f', title: 'A' });
    expect(engine.last('get').query).toEqual({ from: 'films', offset: 3, limit: 1 });
    engine.on('get', () => ({ ok: { rows: [] } }));
    expect(await db.query.films.limit(0).first()).toBeUndefined();
    expect(engine.last('get').query).toEqual({ from: 'films', limit: 0 });
  });

  it('is a value: the one it was made from stays as it was', async () => {
    const { engine, db } = await open();
    const all = db.query.films;
    all.where('genre', '=', 'drama').limit(1);
    await all.get();
    expect(engine.last('get').query).toEqual({ from: 'films' });
  });

  it('reads rows as plain objects, with bytes and tagged values', async () => {
    const { engine, db } = await open();
    const extra = { $: 'map', v: { $: 1 } };
    engine.on('get', () => ({
      ok: { rows: [['f', 'Alien', 8.5, 'drama', 7, { $: 'bytes', v: 'AQI=' }, extra]] },
    }));
    expect(await db.query.films.get()).toEqual([
      {
        id: 'f',
        title: 'Alien',
        rating: 8.5,
        genre: 'drama',
        released: 7,
        poster: new Uint8Array([1, 2]),
        extra: { $: 1 },
      },
    ]);
  });

  it('with a bad value is built, and rejects when it is asked', async () => {
    const { engine, db } = await open();
    const bad = db.query.films.where('rating', '>', Number.NaN).limit(3);
    await expect(bad.get()).rejects.toMatchObject({
      code: 'bad_value',
      details: { collection: 'films', field: 'rating', found: 'NaN' },
    });
    await expect(db.query.films.limit(1.5).get()).rejects.toMatchObject({ code: 'bad_query' });
    const notList = db.query.films.where('rating', 'in', 3 as unknown as number[]);
    await expect(notList.get()).rejects.toMatchObject({ code: 'bad_value' });
    const failed = new Promise((_, reject) => bad.subscribe(() => {}, reject));
    await expect(failed).rejects.toMatchObject({ code: 'bad_value' });
    expect(engine.of('get')).toEqual([]);
  });

  it('takes rows in parts, and those of the engine that answered only', async () => {
    const { engine, db } = await open();
    const row = (id: string) => [id, 'T', null, 'drama', null, null, null];
    let number = 0;
    engine.on('get', (request) => {
      number = request.number;
      const part = (from: number, ...ids: string[]) =>
        engine.say({ kind: 'part', number, from, rows: ids.map(row) });
      part(0, 'lost', 'with', 'its');
      part(0, 'a', 'b');
      part(2, 'c');
      return { ok: { revision: 1, from: 3, rows: [row('d')] } };
    });
    const ids = (await db.query.films.get()).map(({ id }) => id);
    expect(ids).toEqual(['a', 'b', 'c', 'd']);
    engine.on('get', () => {
      engine.say({ kind: 'part', number: number + 1, from: 0, rows: [row('lost')] });
      return { ok: { revision: 1, from: 0, rows: [row('e')] } };
    });
    expect(await db.query.films.limit(3).get()).toMatchObject([{ id: 'e' }]);
  });

  it('rejects with the reason of the engine', async () => {
    const { engine, db } = await open();
    engine.on('get', () => refuse('unknown_field'));
    await expect(db.query.films.get()).rejects.toMatchObject({ code: 'unknown_field' });
  });
});

describe('a live query', () => {
  it('tells the whole result first, then patches', async () => {
    const { engine, db } = await open();
    const changes: Change<{ id: string; name: string }>[] = [];
    const stop = db.query.people.subscribe((change) => changes.push(change));
    await settled();
    expect(changes).toEqual([]);
    const { subscription, query } = engine.last('subscribe');
    expect(query).toEqual({ from: 'people' });
    engine.say(
      result(subscription, [
        ['a', 'Ann'],
        ['b', 'Bob'],
      ]),
    );
    engine.say(patch(subscription, { removes: [0], updates: [[0, [[1, 'Bo']]]] }));
    expect(changes.length).toBe(2);
    expect(changes[0]?.patch).toBeNull();
    expect(changes[0]?.rows).toEqual([
      { id: 'a', name: 'Ann' },
      { id: 'b', name: 'Bob' },
    ]);
    expect(changes[1]?.rows).toEqual([{ id: 'b', name: 'Bo' }]);
    expect(changes[1]?.patch).toEqual({
      removes: [0],
      moves: [],
      inserts: [],
      updates: [{ at: 0, row: { id: 'b', name: 'Bo' }, fields: ['name'] }],
    });
    stop();
    engine.say(patch(subscription, { removes: [0] }));
    expect(changes.length).toBe(2);
  });

  it('is shared by equal queries, and its result is told to a late one too', async () => {
    const { engine, db } = await open();
    const query = () => db.query.people.where('name', '!=', 'x').limit(5);
    const first = vi.fn();
    const second = vi.fn();
    query().subscribe(first);
    await settled();
    engine.say(result(engine.last('subscribe').subscription, [['a', 'Ann']]));
    query().subscribe(second);
    expect(second).not.toHaveBeenCalled();
    await settled();
    expect(engine.of('subscribe').length).toBe(1);
    expect(first).toHaveBeenCalledTimes(1);
    expect(second).toHaveBeenCalledTimes(1);
    expect(second.mock.calls[0]?.[0].rows).toBe(first.mock.calls[0]?.[0].rows);
  });

  it('is kept for a moment after its last listener, then ended', async () => {
    const { engine, db } = await open();
    vi.useFakeTimers();
    const tick = () => vi.advanceTimersByTimeAsync(10);
    db.query.people.subscribe(() => {})();
    await tick();
    const stop = db.query.people.subscribe(() => {});
    await vi.advanceTimersByTimeAsync(5_000);
    expect(engine.of('subscribe').length).toBe(1);
    expect(engine.of('unsubscribe').length).toBe(0);
    stop();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(engine.last('unsubscribe').subscription).toBe(engine.last('subscribe').subscription);
    db.query.people.subscribe(() => {});
    await tick();
    expect(engine.of('subscribe').length).toBe(2);
    vi.useRealTimers();
  });

  it('that was held without a listener is shared again when it has one', async () => {
    const { engine, db } = await open();
    vi.useFakeTimers();
    const held = db.query.people.observe();
    await vi.advanceTimersByTimeAsync(5_000);
    held.subscribe(() => {});
    expect(db.query.people.observe()).toBe(held);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(engine.of('subscribe').length).toBe(1);
    vi.useRealTimers();
  });

  it('tells a late listener the whole result once, also when a patch comes first', async () => {
    const { engine, db } = await open();
    db.query.people.subscribe(() => {});
    await settled();
    const { subscription } = engine.last('subscribe');
    engine.say(result(subscription, [['a', 'Ann']]));
    const late = vi.fn();
    db.query.people.subscribe(late);
    engine.say(patch(subscription, { inserts: [[0, ['0', 'Zoe']]] }));
    await settled();
    expect(late.mock.calls.map(([change]) => [change.rows.length, change.patch])).toEqual([
      [2, null],
    ]);
  });

  it('keeps its rows over a change of engine, and says nothing if nothing changed', async () => {
    const { engine, db } = await open();
    const listener = vi.fn();
    db.query.people.subscribe(listener);
    await settled();
    const { subscription } = engine.last('subscribe');
    engine.say(
      result(subscription, [
        ['a', 'Ann'],
        ['b', 'Bob'],
      ]),
    );
    const [before] = listener.mock.calls[0] as [{ rows: object[] }];
    engine.lose();
    engine.start();
    await settled();
    expect(engine.last('subscribe').subscription).toBe(subscription);
    engine.say(
      result(subscription, [
        ['a', 'Ann'],
        ['b', 'Bob'],
      ]),
    );
    expect(listener).toHaveBeenCalledTimes(1);
    engine.say(
      result(subscription, [
        ['b', 'Bob'],
        ['c', 'Cy'],
      ]),
    );
    const [after] = listener.mock.calls[1] as [{ rows: object[]; patch: unknown }];
    expect(after.patch).toBeNull();
    expect(after.rows[0]).toBe(before.rows[1]);
  });

  it('that the engine refuses is an error, and is tried again by the next listener', async () => {
    const { engine, db } = await open();
    engine.on('subscribe', () => refuse('unknown_field'));
    const failed = () => new Promise((_, reject) => db.query.people.subscribe(() => {}, reject));
    await expect(failed()).rejects.toMatchObject({ code: 'unknown_field' });
    await expect(failed()).rejects.toMatchObject({ code: 'unknown_field' });
    expect(engine.of('subscribe').length).toBe(2);
  });

  it('whose patch does not fit is an error, not a wrong list', async () => {
    const { engine, db } = await open();
    const observer = db.query.people.observe();
    observer.subscribe(() => {});
    await settled();
    const { subscription } = engine.last('subscribe');
    engine.say(result(subscription, [['a', 'Ann']]), patch(subscription, { removes: [7] }));
    const { status, data, error } = observer.getSnapshot();
    expect(status).toBe('error');
    expect(data).toEqual([{ id: 'a', name: 'Ann' }]);
    expect(error?.code).toBe('internal');
    await settled();
    expect(engine.last('unsubscribe').subscription).toBe(subscription);
  });

  it('goes on for the others when one listener throws, which is reported', async () => {
    const { engine, db } = await open();
    const reported: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => reported.push(error));
    const good = vi.fn();
    db.query.people.subscribe(() => {
      throw new Error('bad listener');
    });
    db.query.people.subscribe(good);
    await settled();
    engine.say(result(engine.last('subscribe').subscription, []));
    await settled();
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
    expect(good).toHaveBeenCalledTimes(1);
    expect(reported).toMatchObject([{ message: 'bad listener' }]);
  });
});

describe('a result that the app has', () => {
  const rows = [['1', 'Ann']];

  it('is not read again where nothing was committed', async () => {
    const { engine, db } = await open();
    engine.on('get', ({ since }) => ({ ok: since === 7 ? {} : { rows, revision: 7 } }));
    const people = db.query.people;
    const first = await people.get();
    expect(await people.get()).toBe(first);
    expect(await people.limit(1).get()).not.toBe(first);
    expect(engine.of('get').map(({ since }) => since)).toEqual([undefined, 7, undefined]);
    engine.on('get', () => ({ ok: { rows: [], revision: 8 } }));
    expect(await people.get()).toEqual([]);
    expect(first).toEqual([{ id: '1', name: 'Ann' }]);
  });

  it('is read again from another engine, whose commits are others', async () => {
    const { engine, db } = await open();
    engine.on('get', () => ({ ok: { rows, revision: 7 } }));
    const people = db.query.people;
    const first = await people.get();
    engine.on('get', () => undefined);
    const second = people.get();
    await settled();
    engine.lose();
    engine.on('get', ({ since }) => ({
      ok: since === 7 ? {} : { rows: [['2', 'Bo']], revision: 7 },
    }));
    engine.start();
    expect(await second).toEqual([{ id: '2', name: 'Bo' }]);
    expect(engine.of('get').map(({ since }) => since)).toEqual([undefined, 7, 7, undefined]);
    expect(await people.get()).not.toBe(first);
  });

  it('is forgotten after many others', async () => {
    const { engine, db } = await open();
    engine.on('get', ({ since }) => ({ ok: since === 7 ? {} : { rows, revision: 7 } }));
    const results: unknown[] = [];
    for (let limit = 1; limit <= 65; limit += 1) {
      results.push(await db.query.people.limit(limit).get());
    }
    expect(await db.query.people.limit(2).get()).toBe(results[1]);
    expect(await db.query.people.limit(1).get()).not.toBe(results[0]);
  });
});
