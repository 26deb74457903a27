import { describe, expect, it } from 'vitest';
import { BinaryWriter, binaryOf, toPlain } from '../binary.ts';
import { HolmError } from '../error.ts';
import { Layout } from '../layout.ts';
import { fieldsOf, t } from '../schema.ts';
import { decode, isEqual, type Json, type Place, put } from '../value.ts';
import { BinaryReader } from './binary-reader.ts';
import { films } from './scripted-engine.ts';

const place: Place = { collection: 'films', field: 'extra', expected: 'a JSON value' };
const layout = new Layout('films', fieldsOf(films.collections.films));

function refusal(run: () => unknown): HolmError {
  try {
    run();
  } catch (error) {
    if (error instanceof HolmError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

/** The form that the engine sends a value in: docs/PROTOCOL.md, section 3. */
function tagged(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return { $: 'bytes', v: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(tagged);
  const out: Record<string, Json> = {};
  for (const [key, member] of Object.entries(value)) put(out, key, tagged(member));
  return Object.hasOwn(out, '$') ? { $: 'map', v: out } : out;
}

/** A document's fields as the engine reads them. */
function encodeFields(of: Layout, document: unknown): Json {
  const writer = new BinaryWriter();
  of.writeFields(writer, document);
  return new BinaryReader(writer.take(writer.length)).read();
}

/** There and back, as through the engine. */
function cross(value: unknown): Json {
  const given = new BinaryReader(binaryOf(value, place)).read();
  return decode(JSON.parse(JSON.stringify(tagged(given))));
}

describe('what the door refuses', () => {
  const cycle: { self?: unknown; list: unknown[] } = { list: [] };
  cycle.list.push({ cycle });
  let deep: unknown = 'end';
  for (let level = 0; level < 65; level += 1) deep = [deep];
  class Film {}
  const cases: readonly (readonly [name: string, value: unknown, found: string, at: string])[] = [
    ['NaN', Number.NaN, 'NaN', ''],
    ['infinity', -Infinity, '-Infinity', ''],
    ['an unpaired surrogate', 'a\ud800b', 'string with an unpaired surrogate', ''],
    ['a surrogate in a key', { '\udc00': 1 }, 'string with an unpaired surrogate', ''],
    ['U+0000', { a: ['\0'] }, 'string with U+0000', '.a[0]'],
    ['undefined in a list', [1, undefined], 'undefined', '[1]'],
    ['a hole in a list', new Array(1), 'undefined', '[0]'],
    ['undefined in an object', { a: { b: undefined } }, 'undefined', '.a.b'],
    ['a bigint', 1n, 'bigint', ''],
    ['a function', () => 1, 'function', ''],
    ['a symbol', Symbol('s'), 'symbol', ''],
    ['a cycle', cycle, 'cycle', '.list[0].cycle'],
    ['too deep', deep, 'value nested over 64 deep', '[0]'.repeat(64)],
    ['a Map', { m: new Map() }, 'Map', '.m'],
    ['an instance of a class', new Film(), 'Film', ''],
    ['a Date that is no time', new Date(Number.NaN), 'invalid Date', ''],
    ['a Date where none is meant', new Date(0), 'Date', ''],
  ];
  it.each(cases)('%s', (_, value, found, at) => {
    const error = refusal(() => toPlain(value, place));
    expect(error.code).toBe('bad_value');
    expect(error.retryable).toBe(false);
    expect(error.details).toEqual({
      collection: 'films',
      field: `extra${at}`,
      found,
      expected: 'a JSON value',
    });
    expect(error.message).toContain(`films.extra${at} takes a JSON value, but got a ${found}`);
  });

  it('names collection and field of a document', () => {
    const error = refusal(() => encodeFields(layout, { title: 'a', rating: Number.NaN }));
    expect(error.details).toMatchObject({
      collection: 'films',
      field: 'rating',
      found: 'NaN',
      expected: 'a finite number or null',
    });
  });

  it('a field or a collection that is not there', () => {
    expect(refusal(() => encodeFields(layout, { titel: 'a' }))).toMatchObject({
      code: 'unknown_field',
      details: { collection: 'films', field: 'titel' },
    });
    expect(refusal(() => encodeFields(new Layout('movies'), {}))).toMatchObject({
      code: 'unknown_collection',
      details: { collection: 'movies' },
    });
  });

  it.each([null, 7, 'text'])('%s as a document', (document) => {
    expect(refusal(() => encodeFields(layout, document)).code).toBe('bad_value');
  });
});

describe('what crosses unchanged', () => {
  it.each([
    [null],
    [true],
    ['\u03c0 \ud83d\ude00'],
    [1e300],
    [[[], {}, [null]]],
    [{ $: 1 }],
    [{ $: 'bytes', v: 'not bytes' }],
    [{ $: 'map', v: { $: 'map' } }],
    [{ a: { $: { $: 2 } } }],
    [new Uint8Array([0, 255, 128])],
    [{ deep: [new Uint8Array(0)] }],
  ])('%j', (value) => {
    expect(cross(value)).toEqual(value);
  });

  it('-0 becomes 0', () => {
    expect(Object.is(toPlain(-0, place), 0)).toBe(true);
  });

  it('the same object twice is no cycle', () => {
    const shared = { a: 1 };
    expect(cross([shared, shared])).toEqual([shared, shared]);
  });

  it('bytes longer than an argument list', () => {
    const bytes = Uint8Array.from({ length: 300_000 }, (_, at) => at % 251);
    expect(isEqual(cross(bytes), bytes)).toBe(true);
  });

  it('a Date in a timestamp, alone or in a list', () => {
    const times = new Layout('c', { at: t.timestamp(), all: t.list(t.timestamp()) });
    const fields = encodeFields(times, { at: new Date(5), all: [new Date(6), 7] });
    expect(fields).toEqual([0, 5, 1, [6, 7]]);
  });

  it('keys that are names of the language', () => {
    const evil = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":2},"a":1}');
    const back = cross(evil) as Record<string, unknown>;
    expect(Object.keys(back)).toEqual(['__proto__', 'constructor', 'a']);
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
    expect(isEqual(back, evil)).toBe(true);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('a field called __proto__ is a member of its row', () => {
    const odd = new Layout('c', Object.fromEntries([['__proto__', t.json()]]));
    const document = JSON.parse('{"id":"1","__proto__":{"a":1}}');
    const fields = encodeFields(odd, document);
    expect(JSON.stringify(fields)).toBe('[0,{"a":1}]');
    const row = odd.decodeRow(['1', { a: 1 }]);
    expect(Object.keys(row)).toEqual(['id', '__proto__']);
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
  });
});

it('isEqual looks at every member', () => {
  expect(isEqual({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] })).toBe(true);
  expect(isEqual({ a: [1, { b: 2 }] }, { a: [1, { b: 3 }] })).toBe(false);
  expect(isEqual({ a: 1 }, { b: 1 })).toBe(false);
  expect(isEqual([1], { 0: 1 })).toBe(false);
  expect(isEqual(new Uint8Array([1]), new Uint8Array([2]))).toBe(false);
});
