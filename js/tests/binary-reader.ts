// Reads the binary form of values, written from its description in src/doc/codec.rs.
import type { Json } from '../value.ts';

export class BinaryReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isDone(): boolean {
    return this.#at === this.#bytes.length;
  }

  read(): Json {
    const tag = this.#byte();
    if (tag === 0) return null;
    if (tag === 1 || tag === 2) return tag === 2;
    if (tag === 3) {
      const zigzag = this.#varint();
      return Number(zigzag % 2n === 0n ? zigzag / 2n : -(zigzag + 1n) / 2n);
    }
    if (tag === 4) return new DataView(this.#take(8).slice().buffer).getFloat64(0, true);
    if (tag === 5) return this.#text();
    if (tag === 6) return this.#take(Number(this.#varint())).slice();
    const count = Number(this.#varint());
    if (tag === 7) return Array.from({ length: count }, () => this.read());
    if (tag !== 8) throw new Error(`no tag: ${tag}`);
    return Object.fromEntries(Array.from({ length: count }, () => [this.#text(), this.read()]));
  }

  #text(): string {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      this.#take(Number(this.#varint())),
    );
  }

  #byte(): number {
    return this.#take(1)[0] as number;
  }

  #varint(): bigint {
    const byte = BigInt(this.#byte());
    return byte < 128n ? byte : byte - 128n + 128n * this.#varint();
  }

  #take(count: number): Uint8Array {
    const taken = this.#bytes.subarray(this.#at, this.#at + count);
    if (taken.length < count) throw new Error('bytes are missing');
    this.#at += count;
    return taken;
  }
}
