// What the page sends, in the binary form that the engine reads values in, and stores them in
// (src/doc/codec.rs).
import type { Json } from './value.ts';

/** One operation: its parts, `fields` as the position of each field, then its value. */
export type Operation =
  | readonly [op: string, collection: string, id: string]
  | readonly [op: string, collection: string, id: string, fields: readonly Json[]];

/** Some operations: as they can be told of, and as they are sent. */
export interface Operations {
  readonly list: readonly Operation[];
  readonly bytes: Uint8Array;
}

/** Bytes of the first room; it is doubled as often as it takes. */
const ROOM = 4096;
/** Texts below this are copied char by char, for as long as they are ASCII. */
const SHORT = 0x80;

const NULL = 0;
const FALSE = 1;
const INT = 3;
const FLOAT = 4;
const STRING = 5;
const BYTES = 6;
const LIST = 7;
const MAP = 8;

/** The operations of a request. */
export function operationsOf(...list: readonly Operation[]): Operations {
  const writer = new BinaryWriter();
  for (const operation of list) writer.write(operation);
  return { list, bytes: writer.take(writer.length) };
}

/** A value by itself. Members that are undefined are left out. */
export function binaryOf(value: unknown): Uint8Array {
  const writer = new BinaryWriter();
  writer.write(value);
  return writer.take(writer.length);
}

/** Writes value after value into one room. */
export class BinaryWriter {
  /** How many bytes there are. */
  length = 0;
  #room = new Uint8Array(ROOM);

  /** Takes the first bytes; those behind them stay. */
  take(count: number): Uint8Array<ArrayBuffer> {
    const taken = this.#room.slice(0, count);
    this.#room.copyWithin(0, count, this.length);
    this.length -= count;
    return taken;
  }

  write(value: unknown): void {
    switch (typeof value) {
      case 'string':
        this.#push(STRING);
        this.#text(value);
        break;
      case 'number':
        this.#number(value);
        break;
      case 'boolean':
        this.#push(FALSE + Number(value));
        break;
      default:
        this.#object(value as object | null);
    }
  }

  #object(value: object | null): void {
    if (value === null) {
      this.#push(NULL);
    } else if (value instanceof Uint8Array) {
      this.#push(BYTES);
      this.#bytes(value);
    } else if (Array.isArray(value)) {
      this.#push(LIST);
      this.#whole(value.length);
      for (const item of value) this.write(item);
    } else {
      const members = Object.entries(value).filter(([, member]) => member !== undefined);
      this.#push(MAP);
      this.#whole(members.length);
      for (const [name, member] of members) {
        this.#text(name);
        this.write(member);
      }
    }
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value)) {
      this.#push(INT);
      // Twice the number, and one less for a negative one; which may be more than 2^53.
      const [sign, whole] = value < 0 ? [1, -1 - value] : [0, value];
      this.#varint((whole % 64) * 2 + sign, Math.floor(whole / 64));
    } else {
      this.#push(FLOAT);
      this.#put(new Uint8Array(new Float64Array([value]).buffer));
    }
  }

  #text(text: string): void {
    const { length } = text;
    const room = this.#reserve(SHORT);
    let count = 0;
    if (length < SHORT) {
      for (; count < length; count += 1) {
        const unit = text.charCodeAt(count);
        if (unit >= 0x80) break;
        room[this.length + 1 + count] = unit;
      }
    }
    if (count < length || length >= SHORT) {
      this.#bytes(new TextEncoder().encode(text));
    } else {
      room[this.length] = length;
      this.length += 1 + length;
    }
  }

  #bytes(bytes: Uint8Array): void {
    this.#whole(bytes.length);
    this.#put(bytes);
  }

  #whole(number: number): void {
    this.#varint(number % 128, Math.floor(number / 128));
  }

  /** A varint by its lowest seven bits and the rest. */
  #varint(low: number, rest: number): void {
    for (; rest > 0; rest = Math.floor(rest / 128)) {
      this.#push(low + 128);
      low = rest % 128;
    }
    this.#push(low);
  }

  #push(byte: number): void {
    this.#reserve(1)[this.length] = byte;
    this.length += 1;
  }

  #put(bytes: Uint8Array): void {
    this.#reserve(bytes.length).set(bytes, this.length);
    this.length += bytes.length;
  }

  /** The room, with so many bytes more in it. */
  #reserve(count: number): Uint8Array {
    const needed = this.length + count;
    if (needed > this.#room.length) {
      const room = new Uint8Array(Math.max(needed, this.#room.length * 2));
      room.set(this.#room);
      this.#room = room;
    }
    return this.#room;
  }
}
