import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HEALTHY, refuse, ScriptedEngine, settled } from './scripted-engine.ts';

/** Rejections that nobody handled, taken from the test runner for the time of a test. */
const unhandled: unknown[] = [];
let others: NodeJS.UnhandledRejectionListener[] = [];
const collect = (reason: unknown) => unhandled.push(reason);

beforeEach(() => {
  unhandled.length = 0;
  others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', collect);
});

afterEach(() => {
  process.removeAllListeners('unhandledRejection');
  for (const listener of others) process.on('unhandledRejection', listener);
});

async function open() {
  const engine = new ScriptedEngine();
  return { engine, db: await engine.open() };
}

const moved = (entry: number, state: string, more: object = {}) => {
  return { kind: 'entry', entry, state, ...more };
};

describe('a write', () => {
  it('has its id at once and moves from saving to accepted', async () => {
    const { engine, db } = await open();
    const write = db.mutate.films.insert({ title: 'Alien', released: new Date(7) });
    expect(write.id.length).toBeGreaterThanOrEqual(20);
    expect(write.state).toBe('saving');
    await write.saved;
    expect(engine.last('write').ops).toEqual([['insert', 'films', write.id, [0, 'Alien', 3, 7]]]);
    expect(write.state).toBe('saved');
    engine.say(moved(1, 'sent'));
    expect(write.state).toBe('sent');
    await write.sent;
    engine.say(moved(1, 'accepted'));
    expect(write.state).toBe('accepted');
    await write.accepted;
  });

  it('that never leaves the device is sent and accepted when it is saved', async () => {
    const { engine, db } = await open();
    engine.on('write', () => ({ ok: { entry: null } }));
    const write = db.mutate.people.insert({ name: 'a' });
    await Promise.all([write.accepted, write.sent]);
    expect(write.state).toBe('saved');
  });

  it('may be moved by the message that says it is saved', async () => {
    const { engine, db } = await open();
    engine.on('write', () => undefined);
    const write = db.mutate.people.delete('a');
    await settled();
    engine.say(
      { kind: 'reply', number: 2, ok: { entry: 5 } },
      moved(5, 'sent'),
      moved(5, 'accepted'),
    );
    expect(write.state).toBe('accepted');
  });

  it.each(['rejected', 'quarantined', 'discarded'])(
    'that is %s rejects only `accepted`',
    async (state) => {
      const { engine, db } = await open();
      const write = db.mutate.people.update('a', { name: 'b' });
      const quiet = db.mutate.people.update('a', { name: 'c' });
      await Promise.all([write.saved, quiet.saved]);
      engine.say(moved(1, state, { code: 'forbidden', message: 'not yours' }), moved(2, state));
      expect([write.state, quiet.state]).toEqual([state, state]);
      await expect(write.accepted).rejects.toMatchObject({
        code: 'forbidden',
        message: 'not yours',
        details: { state },
      });
      await write.saved;
      await settled();
      expect(unhandled).toEqual([]);
    },
  );

  it('leaves out fields that are undefined', async () => {
    const { engine, db } = await open();
    await db.mutate.films.update('a', { title: undefined, rating: -0 }).saved;
    expect(engine.last('write').ops).toEqual([['update', 'films', 'a', [1, 0]]]);
    await db.mutate.films.delete('a').saved;
    expect(engine.last('write').ops).toEqual([['delete', 'films', 'a']]);
  });
});

describe('a write that fails', () => {
  it('at the door rejects, and sends nothing', async () => {
    const { engine, db } = await open();
    const write = db.mutate.films.insert({ title: 'a', rating: Number.NaN });
    expect(write.state).toBe('failed');
    await expect(write.saved).rejects.toMatchObject({ code: 'bad_value' });
    await expect(write.accepted).rejects.toMatchObject({ code: 'bad_value' });
    expect(engine.of('write')).toEqual([]);
    await settled();
    expect(unhandled).toEqual([]);
  });

  it('in the engine rejects with its error', async () => {
    const { engine, db } = await open();
    engine.on('write', () => refuse('exists'));
    const write = db.mutate.films.insert({ id: 'x', title: 'a' });
    await expect(write.saved).rejects.toMatchObject({ code: 'exists' });
  });

  it('for a collection that is not in the schema is typed too', async () => {
    const { db } = await open();
    const mutate = db.mutate as unknown as Record<string, typeof db.mutate.people>;
    const write = mutate.movies?.insert({ name: 'a' });
    await expect(write?.saved).rejects.toMatchObject({
      code: 'unknown_collection',
      details: { collection: 'movies' },
    });
  });

  it('is loud when nobody looked, once, and quiet when somebody did', async () => {
    const { engine, db } = await open();
    engine.on('write', () => refuse('storage_full'));
    db.mutate.people.insert({ name: 'unseen' });
    await settled();
    await settled();
    expect(unhandled).toMatchObject([{ code: 'storage_full' }]);
    const seen = db.mutate.people.insert({ name: 'seen' });
    await expect(seen.accepted).rejects.toMatchObject({ code: 'storage_full' });
    await settled();
    expect(unhandled.length).toBe(1);
  });
});

describe('insertMany', () => {
  const people = (count: number, length = 1) =>
    Array.from({ length: count }, (_, at) => ({ id: `p${at}`, name: 'x'.repeat(length) }));

  it('is cut at 500 documents, at first 100, saved in order, and tells progress', async () => {
    const { engine, db } = await open();
    const progress: object[] = [];
    const documents = people(1_234);
    const write = db.mutate.people.insertMany(documents, {
      onProgress: (step) => progress.push(step),
    });
    expect(write.ids).toEqual(documents.map(({ id }) => id));
    await write.saved;
    const sizes = engine.of('write').map(({ ops }) => (ops as object[]).length);
    expect(sizes).toEqual([100, 500, 500, 134]);
    const ids = engine.of('write').flatMap(({ ops }) => (ops as string[][]).map(([, , id]) => id));
    expect(ids).toEqual(write.ids);
    expect(progress).toEqual([
      { saved: 100, total: 1_234 },
      { saved: 600, total: 1_234 },
      { saved: 1_100, total: 1_234 },
      { saved: 1_234, total: 1_234 },
    ]);
  });

  it('is one transaction up to 500 documents', async () => {
    const { engine, db } = await open();
    await db.mutate.people.insertMany(people(500)).saved;
    expect(engine.of('write').length).toBe(1);
  });

  it('lets others have the thread while it encodes, after its first transaction', async () => {
    const { engine, db } = await open();
    let [looks, turns, isOver] = [0, 0, false];
    const slow = vi.spyOn(performance, 'now').mockImplementation(() => 3 * ++looks);
    const count = () => {
      turns += 1;
      if (!isOver) setImmediate(count);
    };
    try {
      const write = db.mutate.people.insertMany(people(2_000));
      setImmediate(count);
      await write.saved;
    } finally {
      slow.mockRestore();
      isOver = true;
    }
    expect(turns).toBeGreaterThan(40);
    const sizes = engine.of('write').map(({ ops }) => (ops as object[]).length);
    expect(sizes).toEqual([100, 500, 500, 500, 400]);
  });

  it('is cut at about 256 KB', async () => {
    const { engine, db } = await open();
    await db.mutate.people.insertMany(people(40, 20_000)).saved;
    const sizes = engine.of('write').map(({ ops }) => JSON.stringify(ops).length);
    expect(sizes.length).toBe(4);
    for (const size of sizes.slice(0, -1)) {
      expect(size).toBeGreaterThan(220_000);
      expect(size).toBeLessThan(262_500);
    }
  });

  it('has two transactions under way, each after the one before, and no more', async () => {
    const { engine, db } = await open();
    engine.on('write', () => undefined);
    const write = db.mutate.people.insertMany(people(2_500));
    await settled();
    expect(engine.of('write').map(({ previous }) => previous)).toEqual([undefined, 2]);
    engine.say({ kind: 'reply', number: 2, ok: { entry: 1 } });
    await settled();
    expect(engine.of('write').map(({ previous }) => previous)).toEqual([undefined, 2, 3]);
    expect(write.state).toBe('saving');
  });

  it('has one under way on IndexedDB', async () => {
    const { engine, db } = await open();
    engine.say({
      kind: 'status',
      status: { ...HEALTHY, storage: { ...HEALTHY.storage, kind: 'indexeddb' } },
    });
    engine.on('write', () => undefined);
    db.mutate.people.insertMany(people(2_500));
    await settled();
    expect(engine.of('write').length).toBe(1);
    engine.say({ kind: 'reply', number: 2, ok: { entry: 1 } });
    await settled();
    expect(engine.of('write').map(({ previous }) => previous)).toEqual([undefined, undefined]);
  });

  it('asks no other engine for what comes after a transaction that was refused', async () => {
    const { engine, db } = await open();
    engine.on('write', () => undefined);
    const write = db.mutate.people.insertMany(people(2_500));
    await settled();
    engine.say({ kind: 'reply', number: 2, ...refuse('exists') });
    await expect(write.saved).rejects.toMatchObject({ code: 'exists', details: { saved: 0 } });
    engine.lose();
    engine.start();
    await settled();
    expect(engine.of('open').length).toBe(2);
    expect(engine.of('write').length).toBe(2);
  });

  it('sends its first transaction in the order of the calls around it', async () => {
    const { engine, db } = await open();
    const before = db.mutate.people.insert({ id: 'a', name: 'a' });
    const many = db.mutate.people.insertMany(people(2), { atomic: true });
    const after = db.mutate.people.delete('p1');
    await Promise.all([before.saved, many.saved, after.saved]);
    expect(engine.messages[1]).toEqual(['write', 'write', 'write']);
    expect(engine.of('write').map(({ ops }) => (ops as object[]).length)).toEqual([1, 2, 1]);
  });

  it('does not wait for timers, which a hidden page has once a second', async () => {
    const { db } = await open();
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    try {
      await db.mutate.people.insertMany(people(1_500)).saved;
      await db.mutate.people.insertMany(people(1_500), { atomic: true }).saved;
    } finally {
      vi.useRealTimers();
    }
  });

  it('is one transaction when it is atomic', async () => {
    const { engine, db } = await open();
    await db.mutate.people.insertMany(people(2_000), { atomic: true }).saved;
    expect(engine.of('write').map(({ ops }) => (ops as object[]).length)).toEqual([2_000]);
  });

  it('changes nothing when it is atomic and one document is bad', async () => {
    const { engine, db } = await open();
    const documents = [...people(700), { id: 'bad', name: '\ud800' }];
    const write = db.mutate.people.insertMany(documents, { atomic: true });
    await expect(write.saved).rejects.toMatchObject({ code: 'bad_value', details: { saved: 0 } });
    expect(engine.of('write')).toEqual([]);
  });

  it('stops at the first failure and says how many are saved', async () => {
    const { engine, db } = await open();
    let refused: unknown = 3;
    engine.on('write', ({ number, previous }) => {
      if (number !== refused && previous !== refused) return { ok: { entry: number } };
      refused = number;
      return refuse('exists');
    });
    const write = db.mutate.people.insertMany(people(1_700));
    await expect(write.saved).rejects.toMatchObject({ code: 'exists', details: { saved: 100 } });
    expect(engine.of('write').length).toBeLessThan(4);
    refused = 0;
    const bad = db.mutate.people.insertMany([...people(700), { id: 'bad', name: '\ud800' }]);
    await expect(bad.saved).rejects.toMatchObject({ code: 'bad_value', details: { saved: 600 } });
  });

  it('is accepted when all its transactions are', async () => {
    const { engine, db } = await open();
    const write = db.mutate.people.insertMany(people(600));
    await write.saved;
    engine.say(moved(1, 'sent'), moved(1, 'accepted'));
    expect(write.state).toBe('saved');
    engine.say(moved(2, 'sent'));
    expect(write.state).toBe('sent');
    engine.say(moved(2, 'accepted'));
    expect(write.state).toBe('accepted');
    await write.accepted;
  });

  it('stays rejected when its first transaction was, while later ones are saved', async () => {
    const { engine, db } = await open();
    engine.on('write', ({ number }) => (number === 2 ? { ok: { entry: 1 } } : undefined));
    const write = db.mutate.people.insertMany(people(600));
    await settled();
    engine.say(moved(1, 'rejected'), { kind: 'reply', number: 3, ok: { entry: 2 } });
    await write.saved;
    expect(write.state).toBe('rejected');
    engine.say(moved(2, 'accepted'));
    expect(write.state).toBe('rejected');
    await expect(write.accepted).rejects.toMatchObject({ code: 'rejected' });
  });

  it('of nothing is saved at once', async () => {
    const { engine, db } = await open();
    await db.mutate.people.insertMany([]).saved;
    await db.mutate.people.insertMany([], { atomic: true }).saved;
    expect(engine.of('write')).toEqual([]);
  });

  it('is what a seed is, with its own operation and the ids it brings', async () => {
    const { engine, db } = await open();
    await db.seed('people', people(501));
    expect(engine.of('write').map(({ ops }) => (ops as string[][])[0]?.[0])).toEqual([
      'seed',
      'seed',
    ]);
    const nameless = [{ name: 'a' }] as unknown as { id: string; name: string }[];
    await expect(db.seed('people', nameless)).rejects.toMatchObject({
      code: 'bad_value',
      details: { field: 'id', found: 'undefined', expected: 'a string' },
    });
  });
});

it('the outbox is a query, and its entries can be retried and discarded', async () => {
  const { engine, db } = await open();
  const write = db.mutate.people.insert({ name: 'a' });
  await write.saved;
  engine.on('get', () => ({
    ok: {
      rows: [
        ['0000000000000001', 'rejected', 3, null, 'exists', 'taken', 9, [['people', 'a']], []],
      ],
    },
  }));
  const [entry] = await db.outbox.where('state', '=', 'rejected').get();
  expect(engine.last('get').query).toEqual({
    from: '$outbox',
    where: { op: '=', field: 'state', value: 'rejected' },
  });
  expect(entry).toEqual({
    id: '0000000000000001',
    state: 'rejected',
    seq: 3,
    mutation: null,
    code: 'exists',
    message: 'taken',
    createdAt: 9,
    documents: [['people', 'a']],
    operations: [],
  });
  if (!entry) throw new Error('no entry');
  await db.outbox.retry(entry);
  expect(engine.last('retry').entry).toBe(1);
  await db.outbox.discard(entry);
  expect(engine.last('discard').entry).toBe(1);
  expect(write.state).toBe('discarded');
  expect(db.status.outbox).toEqual(HEALTHY.outbox);
});
