import { describe, expect, it } from 'vitest';
import { CHUNK_BYTES, Memory, Mirror } from '../mirror.ts';

const MIB = 1 << 20;

describe('a mirrored file', () => {
  it('is what a plain array of bytes would be', () => {
    const { handle } = new Mirror().make('a');
    let plain = new Uint8Array();
    let seed = 1;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed % below;
    };
    for (let step = 0; step < 300; step += 1) {
      const at = random(3 * CHUNK_BYTES);
      if (random(4) === 0) {
        handle.truncate(at);
        const cut = new Uint8Array(at);
        cut.set(plain.subarray(0, at));
        plain = cut;
      } else {
        const bytes = new Uint8Array(random(CHUNK_BYTES) + 1).fill(step);
        expect(handle.write(bytes, { at })).toBe(bytes.length);
        const grown = new Uint8Array(Math.max(plain.length, at + bytes.length));
        grown.set(plain);
        grown.set(bytes, at);
        plain = grown;
      }
      const into = new Uint8Array(plain.length + 5);
      expect(handle.read(into, { at: 0 })).toBe(plain.length);
      expect(Buffer.compare(into.subarray(0, plain.length), plain)).toBe(0);
      expect(handle.getSize()).toBe(plain.length);
    }
  });

  it('takes nothing of what does not fit', () => {
    const mirror = new Mirror();
    mirror.bytesMax = 3 * MIB;
    const { handle } = mirror.make('a');
    expect(handle.write(new Uint8Array(MIB), { at: 0 })).toBe(MIB);
    expect(handle.write(new Uint8Array(2 * MIB + 1), { at: MIB })).toBe(0);
    expect(handle.getSize()).toBe(MIB);
    expect(() => handle.truncate(3 * MIB + 1)).toThrow('cannot grow');
    expect(handle.write(new Uint8Array(2 * MIB), { at: MIB })).toBe(2 * MIB);
    const next = mirror.make('b').handle;
    expect(next.write(new Uint8Array(1), { at: 0 })).toBe(0);
    mirror.remove('a');
    expect(next.write(new Uint8Array(1), { at: 0 })).toBe(1);
  });

  it('of a full database takes as much again at first, and a little more', () => {
    const mirror = new Mirror();
    mirror.add('old', 3 * MIB);
    mirror.bytesMax = 3 * MIB;
    const { handle } = mirror.make('new');
    expect(handle.write(new Uint8Array(3 * MIB), { at: 0 })).toBe(3 * MIB);
    expect(handle.write(new Uint8Array(MIB), { at: 3 * MIB })).toBe(MIB);
    expect(handle.write(new Uint8Array(1), { at: 4 * MIB })).toBe(0);
  });
});

it('memory keeps databases apart, as long as it lives', async () => {
  const memory = new Memory();
  memory.find('one');
  (await memory.make('a')).handle.write(Uint8Array.of(7), { at: 0 });
  expect(await memory.find('other').list()).toEqual([]);
  const [file] = await memory.find('one').list();
  expect(file?.handle.getSize()).toBe(1);
  await memory.remove('a');
  expect(await memory.find('one').list()).toEqual([]);
});
