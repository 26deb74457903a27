// Taking documents out and in: what the client sends, and the round trip through the real engine.
import { describe, expect, it } from 'vitest';
import type { Ndjson } from '../transfer.ts';
import { createDatabase, defineSchema, t } from './built.ts';
import { random, refuse, ScriptedEngine } from './scripted-engine.ts';

const encode = (text: string) => new TextEncoder().encode(text);
const film = (id: string, fields: object = { title: id }) =>
  JSON.stringify({ collection: 'films', id, fields });
const lines = (...all: readonly string[]) => all.map((line) => `${line}\n`).join('');

/** The ids that each `write` names. */
const writes = (engine: ScriptedEngine) =>
  engine.of('write').map(({ ops }) => (ops as string[][]).map(([, , id]) => id));

/** The bytes of a text, cut anywhere. */
function* cutUp(text: string, next: (n: number) => number): Generator<Uint8Array> {
  const bytes = encode(text);
  for (let at = 0; at < bytes.length; ) {
    const count = 1 + next(7);
    yield bytes.subarray(at, at + count);
    at += count;
  }
}

describe('export', () => {
  async function exporting() {
    const engine = new ScriptedEngine();
    const db = await engine.open();
    engine.on('export', ({ after, count }) => {
      if (count) return { ok: { lines: [], count: after ? 1 : 2, next: after ? null : 'x' } };
      return { ok: after ? { lines: ['3'], next: null } : { lines: ['1', '2'], next: 'x' } };
    });
    return { engine, db };
  }

  it('gives slice after slice, each when it is asked for', async () => {
    const { engine, db } = await exporting();
    expect(await new Response(db.export()).text()).toBe('1\n2\n3\n');
    expect(engine.of('export').map(({ after }) => after)).toEqual([null, 'x']);
    const reader = db.export().getReader();
    expect((await reader.read()).value).toEqual(encode('1\n2\n'));
    await reader.cancel();
  });

  it('keeps one state for all slices until it ends, is cancelled, or fails', async () => {
    const { engine, db } = await exporting();
    await new Response(db.export({ onProgress: () => {} })).text();
    await db.export().cancel();
    engine.on('export', () => refuse('storage_failed'));
    await new Response(db.export()).text().catch(() => {});
    const begun = engine.of('begin').map(({ number }) => number);
    const within = engine.of('export').map(({ transaction }) => transaction);
    expect(begun).toEqual(expect.arrayContaining(within));
    expect(engine.of('abort').map(({ transaction }) => transaction)).toEqual(begun);
    expect(begun.length).toBe(3);
  });

  it('tells how many documents of how many it has given', async () => {
    const { db } = await exporting();
    const told: object[] = [];
    await new Response(db.export({ onProgress: (progress) => told.push(progress) })).text();
    expect(told).toEqual([
      { exported: 2, total: 3 },
      { exported: 3, total: 3 },
    ]);
  });

  it('fails with the error of the engine', async () => {
    const { engine, db } = await exporting();
    engine.on('export', () => refuse('storage_failed'));
    await expect(new Response(db.export()).text()).rejects.toMatchObject({
      code: 'storage_failed',
    });
  });
});

describe('import', () => {
  const open = async () => {
    const engine = new ScriptedEngine();
    return { engine, db: await engine.open() };
  };

  it('takes bytes and text in any pieces', async () => {
    const text = lines(film('\u{1f3ac}'), '', film('b'), film('c')).trimEnd();
    const stream = new ReadableStream({
      pull(controller) {
        controller.enqueue(encode(text));
        controller.close();
      },
    });
    const sources: Ndjson[] = [
      [text],
      cutUp(text, random(1)),
      stream,
      [...text],
      new Blob([text]).stream(),
    ];
    for (const source of sources) {
      const { engine, db } = await open();
      expect(await db.import(source)).toEqual({ imported: 3, skipped: 0 });
      expect(writes(engine)).toEqual([['\u{1f3ac}', 'b', 'c']]);
    }
  });

  it('writes in bounded transactions, and tells how far it is', async () => {
    const { engine, db } = await open();
    const ids = Array.from({ length: 1_001 }, (_, n) => `f${n}`);
    const told: number[] = [];
    const onProgress = ({ imported }: { imported: number }) => told.push(imported);
    await db.import([lines(...ids.map((id) => film(id)))], { onProgress });
    expect(writes(engine).map((batch) => batch.length)).toEqual([500, 500, 1]);
    expect(told).toEqual([500, 1_000, 1_001]);
    const long = 'x'.repeat(100_000);
    const large = ids.slice(0, 7).map((id) => film(id, { title: long }));
    await db.import([lines(...large)]);
    expect(
      writes(engine)
        .slice(3)
        .map((batch) => batch.length),
    ).toEqual([3, 3, 1]);
  });

  it('passes over what an export says of the outbox', async () => {
    const { engine, db } = await open();
    const entry = JSON.stringify({ collection: '$outbox', id: '1', fields: { state: 'queued' } });
    expect(await db.import([lines(film('a'), entry)])).toEqual({ imported: 1, skipped: 1 });
    expect(writes(engine)).toEqual([['a']]);
  });

  const bad: readonly (readonly [what: string, line: string, code: string])[] = [
    ['is not JSON', '{"collection":"films"', 'import_failed'],
    ['is no document', 'null', 'import_failed'],
    ['has no fields', '{"collection":"films","id":"x"}', 'bad_value'],
    ['has no id', '{"collection":"films","fields":{}}', 'bad_value'],
    ['names no collection', '{"id":"x","fields":{}}', 'unknown_collection'],
    [
      'names an unknown collection',
      '{"collection":"constructor","id":"x","fields":{}}',
      'unknown_collection',
    ],
    ['names an unknown field', film('x', { titel: '' }), 'unknown_field'],
    ['has a value that no message can carry', film('x', { title: 'a\0b' }), 'bad_value'],
    ['has bytes that are none', film('x', { poster: { $: 'bytes', v: 5 } }), 'import_failed'],
    ['has a tag that is none', film('x', { extra: { $: 'map' } }), 'import_failed'],
  ];
  it.each(bad)('a line that %s is named, and what is before it is saved', async (_, line, code) => {
    const { engine, db } = await open();
    const failed = db.import([lines(film('a'), '', film('b'), line, film('c'))]);
    await expect(failed).rejects.toMatchObject({ code, details: { line: 4, imported: 2 } });
    await expect(failed).rejects.toThrow(/^Line 4 .* 2 documents/);
    expect(writes(engine)).toEqual([['a', 'b']]);
  });

  it('a line that the engine refuses is found among those it was sent with', async () => {
    const { engine, db } = await open();
    engine.on('write', ({ ops }) => {
      return JSON.stringify(ops).includes('bad') ? refuse('document_too_large') : { ok: {} };
    });
    const failed = db.import([lines(film('a'), film('b'), film('bad'), film('c'), 'no JSON')]);
    await expect(failed).rejects.toMatchObject({
      code: 'document_too_large',
      details: { line: 3, imported: 2 },
    });
    expect(writes(engine).slice(1)).toEqual([['a'], ['b'], ['bad']]);
  });

  it('stops reading a source when it has failed, and tells when the source has', async () => {
    const { db } = await open();
    let isCancelled = false;
    const endless = new ReadableStream<string>({
      pull: (controller) => controller.enqueue('{\n'),
      cancel() {
        isCancelled = true;
      },
    });
    await expect(db.import(endless)).rejects.toMatchObject({ code: 'import_failed' });
    expect(isCancelled).toBe(true);
    const broken = async function* () {
      yield lines(film('a'));
      throw new Error('the network is down');
    };
    await expect(db.import(broken())).rejects.toThrow('the network is down');
    await expect(db.import([Uint8Array.of(0xff)])).rejects.toMatchObject({ code: 'import_failed' });
    const long = 'x'.repeat(1 << 19);
    await expect(db.import([long, long, long, long, long])).rejects.toThrow('longer than');
  });
});

describe('export and import with the real engine', () => {
  const schema = defineSchema({
    version: 1,
    collections: {
      films: {
        title: t.string(),
        rating: t.float().nullable(),
        poster: t.bytes().nullable(),
        extra: t.json().nullable(),
        tags: t.list(t.string()).default([]),
      },
      drafts: t.local({ text: t.string() }),
    },
  });
  const open = (name: string) => createDatabase({ name, schema });

  it('a round trip keeps every document and value', async () => {
    const [one, other] = [await open('one'), await open('other')];
    const extra = JSON.parse('{"__proto__":1,"$":"bytes","v":"AAEC","":[null,{"$":{}}]}');
    const poster = Uint8Array.of(0, 1, 255);
    const films = Array.from({ length: 3_000 }, (_, n) => ({
      id: `f${n}`,
      title: `${n} \u{1f3ac} "\n\u2028`,
      rating: n % 3 ? n / 7 : null,
      ...(n % 5 === 0 && { poster, extra, tags: ['', 'constructor', `${n}`] }),
    }));
    await one.mutate.films.insertMany(films).saved;
    await one.mutate.drafts.insert({ id: 'd', text: 'mine' }).saved;
    await one.mutate.films.delete('f7').saved;
    const told: { exported: number; total: number }[] = [];
    const stream = one.export({ onProgress: (progress) => told.push(progress) });
    const { imported, skipped } = await other.import(stream);
    expect(imported).toBe(3_000);
    expect(skipped).toBe(one.status.outbox.queued);
    expect(told.at(-1)).toEqual({ exported: imported + skipped, total: imported + skipped });
    for (const name of ['films', 'drafts'] as const) {
      expect(await other.query[name].get()).toEqual(await one.query[name].get());
    }
    const documents = async (db: typeof one) =>
      (await new Response(db.export()).text()).split('\n').filter((line) => !/\$outbox/.test(line));
    expect(await documents(other)).toEqual(await documents(one));
    expect(other.status.outbox.queued).toBeGreaterThan(0);
    await Promise.all([one.close(), other.close()]);
  });

  it('fields of documents that are there are overwritten, and others stay', async () => {
    const db = await open('merge');
    await db.mutate.films.insert({ id: 'a', title: 'old', rating: 3 }).saved;
    await db.mutate.films.insert({ id: 'b', title: 'kept' }).saved;
    await db.import([film('a', { title: 'new' })]);
    expect(await db.query.films.get()).toMatchObject([
      { id: 'a', title: 'new', rating: 3 },
      { id: 'b', title: 'kept' },
    ]);
    const failed = db.import([lines(film('c'), film('d', { title: 7 }))]);
    await expect(failed).rejects.toMatchObject({
      code: 'bad_value',
      details: { line: 2, imported: 1, collection: 'films', field: 'title' },
    });
    expect((await db.query.films.get()).map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    await db.close();
  });
});
