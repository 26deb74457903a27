import { describe, expect, it } from 'vitest';
import { refuse, ScriptedEngine, settled } from './scripted-engine.ts';

async function open() {
  const engine = new ScriptedEngine();
  return { engine, db: await engine.open() };
}

describe('a transaction', () => {
  it('is begun, reads, writes and commits under one number', async () => {
    const { engine, db } = await open();
    engine.on('tx_get', () => ({ ok: { rows: [['a', 'Ann']] } }));
    const name = await db.transaction(async (tx) => {
      const [ann] = await tx.query.people.where('id', '=', 'a').get();
      const id = tx.mutate.people.insert({ name: 'Bob' });
      tx.mutate.people.update('a', { name: `not ${id.length}` });
      tx.mutate.people.delete('c');
      return ann?.name;
    });
    expect(name).toBe('Ann');
    const [begin, ...rest] = engine.requests.slice(1);
    expect(begin?.kind).toBe('begin');
    expect(rest.map(({ kind }) => kind)).toEqual([
      'tx_get',
      'tx_write',
      'tx_write',
      'tx_write',
      'commit',
    ]);
    for (const { transaction } of rest) expect(transaction).toBe(begin?.number);
  });

  it('is aborted, and rejects, with what its function throws', async () => {
    const { engine, db } = await open();
    const failing = db.transaction((tx) => {
      tx.mutate.people.delete('a');
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    await settled();
    expect(engine.of('commit')).toEqual([]);
    expect(engine.last('abort').transaction).toBe(engine.last('begin').number);
  });

  it('throws at bad input', async () => {
    const { engine, db } = await open();
    const failing = db.transaction((tx) => tx.mutate.films.insert({ title: '\ud800' }));
    await expect(failing).rejects.toMatchObject({ code: 'bad_value', details: { field: 'title' } });
    await settled();
    expect(engine.of('tx_write')).toEqual([]);
    expect(engine.of('commit')).toEqual([]);
  });

  it('rejects with the first write that the engine refused', async () => {
    const { engine, db } = await open();
    engine.on('tx_write', () => refuse('exists'));
    engine.on('commit', () => refuse('no_transaction'));
    const failing = db.transaction((tx) => tx.mutate.people.insert({ id: 'a', name: 'a' }));
    await expect(failing).rejects.toMatchObject({ code: 'exists' });
  });

  it('runs again after a conflict, and at most five times again', async () => {
    const { engine, db } = await open();
    let commits = 0;
    engine.on('commit', () =>
      ++commits < 4 ? refuse('transaction_conflict', true) : { ok: { entry: 1 } },
    );
    let runs = 0;
    await db.transaction(() => {
      runs += 1;
    });
    expect(runs).toBe(4);
    engine.on('commit', () => refuse('transaction_conflict', true));
    runs = 0;
    const failing = db.transaction(() => {
      runs += 1;
    });
    await expect(failing).rejects.toMatchObject({ code: 'transaction_conflict' });
    expect(runs).toBe(6);
  });

  it('does not run again after another error', async () => {
    const { engine, db } = await open();
    engine.on('commit', () => refuse('storage_full'));
    let runs = 0;
    const failing = db.transaction(() => {
      runs += 1;
    });
    await expect(failing).rejects.toMatchObject({ code: 'storage_full' });
    expect(runs).toBe(1);
  });

  it('runs again when its engine is lost before it commits', async () => {
    const { engine, db } = await open();
    engine.on('tx_get', () => undefined);
    let runs = 0;
    const done = db.transaction(async (tx) => {
      runs += 1;
      await tx.query.people.get();
      tx.mutate.people.insert({ name: 'a' });
    });
    await settled();
    engine.lose();
    engine.on('tx_get', () => ({ ok: { rows: [] } }));
    engine.start();
    await done;
    expect(runs).toBe(2);
    expect(engine.of('commit').length).toBe(1);
  });

  it('asks again for the answer of a commit, and runs again if there is none', async () => {
    const { engine, db } = await open();
    engine.on('commit', () => undefined);
    let runs = 0;
    const run = () => {
      runs += 1;
    };
    const done = db.transaction(run);
    await settled();
    const { number } = engine.last('commit');
    engine.lose();
    engine.on('commit', () => ({ ok: { entry: 1 } }));
    engine.start();
    await done;
    expect([runs, engine.last('commit').number]).toEqual([1, number]);

    engine.on('commit', () => undefined);
    const again = db.transaction(run);
    await settled();
    engine.lose();
    const lost = engine.last('commit').number;
    engine.on('commit', (request) =>
      request.number === lost ? refuse('no_transaction') : { ok: { entry: 2 } },
    );
    engine.start();
    await again;
    expect(runs).toBe(3);
  });

  it('cannot be used when it is over', async () => {
    const { db } = await open();
    const tx = await db.transaction((tx) => tx);
    expect(() => tx.mutate.people.delete('a')).toThrow(/has ended/);
    await expect(tx.query.people.get()).rejects.toMatchObject({ code: 'transaction_over' });
  });
});
