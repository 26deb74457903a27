import { expect, it, vi } from 'vitest';
import { HolmError } from '../error.ts';
import { HEALTHY, refuse, ScriptedEngine, settled } from './scripted-engine.ts';

const gone = new HolmError('worker_failed', 'it is gone');

it('requests of one microtask are one message, numbered from 1 within one tab', async () => {
  const engine = new ScriptedEngine();
  const db = await engine.open();
  const writes = [1, 2, 3].map((n) => db.mutate.people.insert({ name: `p${n}` }));
  const rows = db.query.people.get();
  await Promise.all([...writes.map((write) => write.saved), rows]);
  expect(engine.messages).toEqual([['open'], ['write', 'write', 'write', 'get']]);
  expect(engine.requests.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5]);
  expect(new Set(engine.requests.map(({ tab }) => tab)).size).toBe(1);
  expect(engine.requests[0]).toMatchObject({
    kind: 'open',
    name: 'test',
    durability: 'strict',
    schema: {
      version: 1,
      collections: {
        films: {
          fields: [
            { name: 'title', kind: 'string' },
            { name: 'rating', kind: 'float', nullable: true },
            { name: 'genre', kind: 'enum', values: ['drama', 'comedy'], default: 'drama' },
            { name: 'released', kind: 'timestamp', nullable: true },
            { name: 'poster', kind: 'bytes', nullable: true },
            { name: 'extra', kind: 'json', nullable: true },
          ],
        },
      },
    },
  });
});

it('an error of open rejects, with its code, and stops the engine', async () => {
  const engine = new ScriptedEngine();
  engine.on('open', () => refuse('database_in_use', true));
  const opening = engine.open();
  await expect(opening).rejects.toMatchObject({ code: 'database_in_use', retryable: true });
  await expect(opening).rejects.toBeInstanceOf(HolmError);
  expect(engine.closed).toBe(1);
});

it('answers are confirmed now and then, up to the first that is missing', async () => {
  const engine = new ScriptedEngine();
  const db = await engine.open();
  for (let times = 0; times < 40; times += 1) await db.query.people.get();
  expect(engine.of('confirm').map(({ upTo }) => upTo)).toEqual([32]);
  engine.on('sync', () => undefined);
  const syncing = db.sync();
  await settled();
  const waiting = engine.last('sync').number;
  for (let times = 0; times < 100; times += 1) await db.query.people.get();
  expect(Math.max(...engine.of('confirm').map(({ upTo }) => upTo as number))).toBeLessThan(waiting);
  engine.say({ kind: 'reply', number: waiting, ok: {} });
  await syncing;
  for (let times = 0; times < 2; times += 1) await db.query.people.get();
  expect(engine.last('confirm').upTo).toBeGreaterThan(waiting + 90);
});

it('an answer to nothing, or a second one, does nothing', async () => {
  const engine = new ScriptedEngine();
  const db = await engine.open();
  const write = db.mutate.people.insert({ name: 'a' });
  await write.saved;
  engine.say({ kind: 'reply', number: 2, error: { code: 'x', message: '', retryable: false } });
  engine.say({ kind: 'reply', number: 999, ok: {} });
  expect(write.state).toBe('saved');
});

it('an engine that opens its database anew is asked again for what is unanswered', async () => {
  const engine = new ScriptedEngine();
  const db = await engine.open();
  const shown: unknown[] = [];
  db.query.people.subscribe(({ rows }) => shown.push(rows));
  await settled();
  engine.on('write', () => undefined);
  const write = db.mutate.people.insert({ name: 'a' });
  const transaction = db.transaction(async () => {});
  await settled();
  const { number } = engine.last('write');
  engine.on('write', () => ({ ok: { entry: 1 } }));
  engine.say({ kind: 'reopen' });
  await write.saved;
  await transaction;
  expect(engine.of('open').length).toBe(2);
  expect(engine.of('subscribe').length).toBe(2);
  expect(engine.of('write').map((request) => request.number)).toEqual([number, number]);
  expect(engine.closed).toBe(0);
});

it('a write that is refused for good carries what was to be written', async () => {
  const engine = new ScriptedEngine();
  const db = await engine.open();
  engine.on('write', () => refuse('storage_failed', true));
  const write = db.mutate.people.insert({ name: 'a' });
  await expect(write.saved).rejects.toMatchObject({
    code: 'storage_failed',
    details: { operations: [{ op: 'insert', collection: 'people', fields: { name: 'a' } }] },
  });
});

it('the next engine is opened first, then told of queries and what is unanswered', async () => {
  const engine = new ScriptedEngine();
  const db = await engine.open();
  const stop = db.query.people.subscribe(() => {});
  const stopped = db.query.films.subscribe(() => {});
  await settled();
  stopped();
  await new Promise((resolve) => setTimeout(resolve, 1_050)); // outlives the lingering
  engine.on('write', () => undefined);
  engine.on('get', () => undefined);
  const write = db.mutate.people.insert({ name: 'a' });
  const rows = db.query.people.get();
  await settled();
  const sent = engine.last('write');
  const { number: asked } = engine.last('get');
  const [{ subscription }] = engine.of('subscribe') as unknown as [{ subscription: number }];

  engine.lose();
  const late = db.mutate.people.delete('b');
  engine.requests.length = 0;
  engine.messages.length = 0;
  engine.on('write', () => ({ ok: { entry: engine.nextEntry() } }));
  engine.on('get', () => ({ ok: { rows: [['1', 'Ann']] } }));
  engine.start();
  await Promise.all([write.saved, late.saved]);
  expect(await rows).toEqual([{ id: '1', name: 'Ann' }]);
  expect(engine.messages[0]).toEqual(['open']);
  expect(engine.messages[1]).toEqual(['subscribe', 'write', 'get', 'write']);
  expect(engine.of('subscribe').map((request) => request.subscription)).toEqual([subscription]);
  expect(engine.of('write')[0]).toEqual(sent);
  expect(engine.of('get')[0]?.number).toBe(asked);
  stop();
});

it('a live query that was asked for in vain is asked for once', async () => {
  const engine = new ScriptedEngine();
  const db = await engine.open();
  engine.on('subscribe', () => undefined);
  const stop = db.query.people.subscribe(() => {});
  await settled();
  engine.lose();
  engine.start();
  await settled();
  expect(engine.of('subscribe').length).toBe(2);
  stop();
});

it('nothing is sent before the next engine has opened', async () => {
  const engine = new ScriptedEngine();
  const db = await engine.open();
  engine.lose();
  engine.on('open', () => undefined);
  engine.start();
  const write = db.mutate.people.insert({ name: 'a' });
  await settled();
  expect(engine.messages.at(-1)).toEqual(['open']);
  const { number } = engine.last('open');
  engine.say({ kind: 'reply', number, ok: { status: HEALTHY } });
  await write.saved;
});

it('an open that was lost before its answer is asked again', async () => {
  const engine = new ScriptedEngine();
  engine.on('open', () => undefined);
  const opening = engine.open();
  await settled();
  engine.lose();
  engine.on('open', () => ({ ok: { status: HEALTHY } }));
  engine.start();
  await expect(opening).resolves.toBeTruthy();
});

it('what became of entries while there was no engine is read from the outbox', async () => {
  const engine = new ScriptedEngine();
  const db = await engine.open();
  const names = ['queued', 'sent', 'rejected', 'gone'];
  const writes = names.map((name) => db.mutate.people.insert({ name }));
  await Promise.all(writes.map((write) => write.saved));
  const refused = writes[2]?.accepted;
  refused?.catch(() => {});
  const row = (entry: number, state: string, code: string | null) => {
    return [`000000000000000${entry}`, state, null, null, code, code && 'no', 0, [], []];
  };
  engine.on('get', () => ({
    ok: { rows: [row(1, 'queued', null), row(2, 'sent', null), row(3, 'rejected', 'forbidden')] },
  }));
  engine.lose();
  engine.start();
  await settled();
  expect(engine.last('get').query).toEqual({
    from: '$outbox',
    where: {
      op: 'in',
      field: 'id',
      values: [1, 2, 3, 4].map((entry) => `000000000000000${entry}`),
    },
  });
  expect(writes.map(({ state }) => state)).toEqual(['saved', 'sent', 'rejected', 'accepted']);
  await expect(refused).rejects.toMatchObject({ code: 'forbidden', message: 'no' });
});

it('when no engine comes back, everything is told, writes with their content', async () => {
  const engine = new ScriptedEngine();
  const db = await engine.open();
  engine.on('write', () => undefined);
  const errors: HolmError[] = [];
  db.query.people.subscribe(
    () => {},
    (error) => errors.push(error),
  );
  const poster = new Uint8Array([1, 2]);
  const write = db.mutate.films.insert({ id: 'f', title: 'Alien', poster });
  await settled();
  engine.fail(gone);
  const operations = [
    { op: 'insert', collection: 'films', id: 'f', fields: { title: 'Alien', poster } },
  ];
  await expect(write.saved).rejects.toMatchObject({
    code: 'worker_failed',
    details: { operations },
  });
  await expect(write.accepted).rejects.toMatchObject({ code: 'worker_failed' });
  expect(write.state).toBe('failed');
  expect(errors.map(({ code }) => code)).toEqual(['worker_failed']);
  expect(db.status.storage).toMatchObject({ state: 'failed', message: 'it is gone' });
  const later = db.mutate.people.insert({ name: 'late' });
  await expect(later.saved).rejects.toMatchObject({
    code: 'worker_failed',
    details: { operations: [{ fields: { name: 'late' } }] },
  });
  await expect(db.query.people.get()).rejects.toMatchObject({ code: 'worker_failed' });
});

it('close is answered, then everything rejects with `closed`', async () => {
  const engine = new ScriptedEngine();
  const db = await engine.open();
  await db.close();
  expect(engine.last('close')).toBeTruthy();
  expect(engine.closed).toBe(1);
  await expect(db.query.people.get()).rejects.toMatchObject({ code: 'closed' });
  await db.close();
  expect(engine.of('close').length).toBe(1);
});

it('close does not wait for an engine that is not there', async () => {
  const engine = new ScriptedEngine();
  const db = await engine.open();
  engine.lose();
  const write = db.mutate.people.insert({ name: 'a' });
  await db.close();
  await expect(write.saved).rejects.toMatchObject({ code: 'closed' });
});

it('a message that cannot be read, or says so, is fatal to the engine', async () => {
  const engine = new ScriptedEngine();
  await engine.open();
  engine.say({ kind: 'fatal', message: 'assertion failed' });
  expect(engine.fatals).toEqual(['assertion failed']);
});

it('the status moves with its notices', async () => {
  const engine = new ScriptedEngine();
  const db = await engine.open();
  const seen: string[] = [];
  const stop = db.status.subscribe(({ sync }) => seen.push(sync.state));
  const offline = { ...HEALTHY, sync: { ...HEALTHY.sync, state: 'offline' } };
  engine.say({ kind: 'status', status: offline });
  expect(db.status.current).toMatchObject(offline);
  stop();
  engine.say({ kind: 'status', status: HEALTHY });
  expect(seen).toEqual(['offline']);
  expect(db.status.sync.state).toBe('off');
});

it('a status behind the answer to open is not lost', async () => {
  const engine = new ScriptedEngine();
  engine.on('open', () => undefined);
  const opening = engine.open();
  await settled();
  const idle = { ...HEALTHY, sync: { ...HEALTHY.sync, state: 'idle' } };
  engine.say(
    { kind: 'reply', number: 1, ok: { status: HEALTHY } },
    { kind: 'status', status: idle },
  );
  expect((await opening).status.sync.state).toBe('idle');
});

it('the token is asked from the app, and why there is none shows in the status', async () => {
  const engine = new ScriptedEngine();
  const { openDatabase } = await import('../client.ts');
  const { films } = await import('./scripted-engine.ts');
  const token = vi.fn<() => Promise<string | null>>(async () => 'secret');
  const sync = { url: 'http://localhost', space: 'acme', token };
  const db = await openDatabase({ name: 'test', schema: films, sync }, engine.run);
  expect(engine.last('open').sync).toEqual({ url: 'http://localhost', space: 'acme' });
  engine.say({ kind: 'token' });
  await settled();
  expect(engine.last('token').token).toBe('secret');
  token.mockRejectedValue(new Error('signed out'));
  engine.say({ kind: 'token' });
  await settled();
  expect(engine.last('token').token).toBeNull();
  const status = { ...HEALTHY, sync: { ...HEALTHY.sync, state: 'needs_auth' } };
  engine.say({ kind: 'status', status });
  expect(db.status.sync.reason).toBe('token: signed out');
});

it('of two openings of one database the second waits until the first is settled', async () => {
  const [first, second] = [new ScriptedEngine(), new ScriptedEngine()];
  first.on('open', () => undefined);
  const refused = first.open();
  const opened = second.open();
  await settled();
  expect(second.requests).toEqual([]);
  const error = { code: 'database_in_use', message: 'in use', retryable: true, details: {} };
  first.say({ kind: 'reply', number: 1, error });
  await expect(refused).rejects.toMatchObject({ code: 'database_in_use' });
  await opened;
  expect(second.of('open')).toHaveLength(1);
});
