import { describe, expect, it } from 'vitest';
import { BinaryWriter, binaryOf, BinaryReader as OwnReader, toPlain } from '../binary.ts';
import type { Json } from '../value.ts';
import { BinaryReader } from './binary-reader.ts';
import { random } from './scripted-engine.ts';

/** What a reader that is not shipped reads, and so does the shipped one. */
function cross(value: Json): Json {
  const [reader, own] = [new BinaryReader(binaryOf(value)), new OwnReader(binaryOf(value))];
  const back = reader.read();
  expect(own.read()).toEqual(back);
  expect([reader.isDone, own.isDone]).toEqual([true, true]);
  return back;
}

describe('the bytes of', () => {
  // As the engine writes them: src/doc/codec.rs.
  it.each<[Json, number[]]>([
    [null, [0]],
    [false, [1]],
    [true, [2]],
    [0, [3, 0]],
    [-1, [3, 1]],
    [63, [3, 126]],
    [64, [3, 128, 1]],
    [-65, [3, 129, 1]],
    [1.5, [4, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f]],
    [2 ** 53, [4, 0, 0, 0, 0, 0, 0, 0x40, 0x43]],
    [Number.MAX_SAFE_INTEGER, [3, 254, 255, 255, 255, 255, 255, 255, 31]],
    [Number.MIN_SAFE_INTEGER, [3, 253, 255, 255, 255, 255, 255, 255, 31]],
    ['', [5, 0]],
    ['\ufeff', [5, 3, 0xef, 0xbb, 0xbf]],
    ['a\u00e9', [5, 3, 0x61, 0xc3, 0xa9]],
    [new Uint8Array([7, 0]), [6, 2, 7, 0]],
    [
      [1, []],
      [7, 2, 3, 2, 7, 0],
    ],
    [{ a: null }, [8, 1, 1, 0x61, 0]],
  ])('%j', (value, bytes) => {
    expect([...binaryOf(value)]).toEqual(bytes);
    expect(cross(value)).toEqual(value);
  });
});

describe('what is read as it was written', () => {
  it.each([126, 127, 128, 129, 16_383, 16_384, 300_000])('texts of %i units', (length) => {
    for (const text of [
      'a'.repeat(length),
      `${'b'.repeat(length - 1)}\u00e9`,
      '\u{1f600}'.repeat(length / 2),
    ])
      expect(cross(text)).toBe(text);
  });

  it('lists and maps of more than 127', () => {
    const list = Array.from({ length: 300 }, (_, at) => at - 150);
    expect(cross(list)).toEqual(list);
    const map = Object.fromEntries(list.map((at) => [`m${at}`, at]));
    expect(cross(map)).toEqual(map);
    expect(cross(new Uint8Array(70_000).fill(3))).toEqual(new Uint8Array(70_000).fill(3));
  });

  it('numbers of any size', () => {
    const below = random(26);
    for (let count = 0; count < 2_000; count += 1) {
      const number = (below(2) - 0.5) * 2 * below(2 ** 32) * 2 ** (below(60) - 30);
      expect(cross(number + 0)).toBe(number + 0);
      expect(cross(Math.trunc(number) + 0)).toBe(Math.trunc(number) + 0);
    }
  });

  it('one value after the other, where some are taken before others are written', () => {
    const writer = new BinaryWriter();
    const parts: Uint8Array[] = [];
    for (let at = 0; at < 3_000; at += 1) {
      const before = writer.length;
      writer.write([at, 'x'.repeat(at % 200)]);
      if (at % 7 === 0) parts.push(writer.take(before));
    }
    parts.push(writer.take(writer.length));
    const reader = new BinaryReader(Uint8Array.from(parts.flatMap((part) => [...part])));
    for (let at = 0; at < 3_000; at += 1) expect(reader.read()).toEqual([at, 'x'.repeat(at % 200)]);
    expect(reader.isDone).toBe(true);
  });
});

it('a copy is not what was given, and plain', () => {
  const place = { collection: 'c', field: 'f', expected: 'a value', takesDates: true };
  const given = { bytes: new Uint8Array([1, 2]), list: [new Date(7), { a: -0 }] };
  const copy = toPlain(given, place) as typeof given;
  expect(copy).toEqual({ bytes: new Uint8Array([1, 2]), list: [7, { a: 0 }] });
  given.bytes[0] = 9;
  expect(copy.bytes[0]).toBe(1);
});

it('what the client itself says is never refused', () => {
  expect(cross({ 'a\0': 'b\ud800\0' })).toEqual({ 'a\ufffd': 'b\ufffd\ufffd' });
});

it('members that are undefined are left out', () => {
  expect(binaryOf({ a: undefined, b: 1, c: undefined })).toEqual(binaryOf({ b: 1 }));
});
