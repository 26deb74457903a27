// The binary form of values (src/doc/codec.rs), in which the page sends them and the engine stores
// them. The writer is the door: what the app gives is written down at once, or is refused with
// `bad_value`.
//
// The engine judges everything that it can express. Refused here is what would be changed or
// dropped in silence, and what would make a whole message unreadable (U+0000, depth).
import type { HolmError } from './error.ts';
import { badValue, type Json, type Place, put, textFault } from './value.ts';

/** Bytes of the first room; it is doubled as often as it takes. */
const ROOM = 512;
/** Texts below this are copied char by char, for as long as they are ASCII. */
const SHORT = 0x80;
const DEPTH_MAX = 64;

const NULL = 0;
const FALSE = 1;
const TRUE = 2;
const INT = 3;
const FLOAT = 4;
const STRING = 5;
const BYTES = 6;
const LIST = 7;
const MAP = 8;

/** Of what the client itself says: there members that are undefined are left out. */
const OWN: Place = { collection: '*', field: '*', expected: 'a value' };

/** A value by itself. */
export function binaryOf(value: unknown, place = OWN): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  writer.write(value, place);
  return writer.take(writer.length);
}

/** A copy of a value, as plain as the engine takes it; refuses what has none. */
export function toPlain(value: unknown, place: Place): Json {
  return new BinaryReader(binaryOf(value, place)).read();
}

/**
 * Writes value after value into one room. It remembers the way down into a value, for cycles and
 * for the error; after an error it is of no use any more.
 */
export class BinaryWriter {
  /** How many bytes there are. */
  length = 0;
  #room = new Uint8Array(ROOM);
  #place = OWN;
  readonly #above: object[] = [];
  readonly #steps: (string | number)[] = [];

  /** Takes the first bytes; those behind them stay. */
  take(count: number): Uint8Array<ArrayBuffer> {
    const taken = this.#room.slice(0, count);
    this.#room.copyWithin(0, count, this.length);
    this.length -= count;
    return taken;
  }

  /** Writes a value, or throws. */
  write(value: unknown, place = OWN): void {
    this.#place = place;
    this.#value(value);
  }

  /** Begins a list: so many values come next. */
  list(count: number): void {
    this.#head(LIST, count);
  }

  #value(value: unknown): void {
    switch (typeof value) {
      case 'string':
        this.#push(STRING);
        this.#text(value);
        break;
      case 'number':
        this.#number(value);
        break;
      case 'boolean':
        this.#push(value ? TRUE : FALSE);
        break;
      case 'object':
        if (value === null) this.#push(NULL);
        else this.#object(value);
        break;
      default:
        throw this.#refusal(typeof value);
    }
  }

  #object(value: object): void {
    // The class name works for objects of other realms too, where `instanceof` does not.
    const kind = Array.isArray(value) ? '' : Object.prototype.toString.call(value).slice(8, -1);
    if (kind === 'Date') this.#number(this.#time(value as Date));
    else if (kind === 'Uint8Array') this.#bytes(value as Uint8Array);
    else this.#nested(value, kind);
  }

  #nested(value: object, kind: string): void {
    if (this.#above.includes(value)) throw this.#refusal('cycle');
    if (this.#above.length === DEPTH_MAX && this.#place !== OWN) {
      throw this.#refusal(`value nested over ${DEPTH_MAX} deep`);
    }
    this.#above.push(value);
    if (Array.isArray(value)) this.#list(value);
    else this.#map(value, kind);
    this.#above.pop();
  }

  #time(date: Date): number {
    const time = date.getTime();
    if (Number.isNaN(time)) throw this.#refusal('invalid Date');
    if (!this.#place.takesDates) throw this.#refusal('Date');
    return time;
  }

  #list(list: readonly unknown[]): void {
    this.list(list.length);
    // Holes are visited as undefined, and refused like it.
    for (let at = 0; at < list.length; at += 1) this.#inside(at, list[at]);
  }

  #map(value: object, kind: string): void {
    if (!isPlain(value)) throw this.#refusal(className(value, kind));
    const isKept = ([, member]: [string, unknown]) => member !== undefined || this.#place !== OWN;
    const members = Object.entries(value).filter(isKept);
    this.#head(MAP, members.length);
    for (const [name, member] of members) {
      this.#text(name);
      this.#inside(name, member);
    }
  }

  #inside(step: string | number, value: unknown): void {
    this.#steps.push(step);
    this.#value(value);
    this.#steps.pop();
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value)) {
      // Twice the number, and one less for a negative one; which may be more than 2^53.
      const whole = value < 0 ? -1 - value : value;
      const high = Math.floor(whole / 2 ** 27);
      let low = (whole - high * 2 ** 27) * 2 + (value < 0 ? 1 : 0);
      this.#push(INT);
      for (let count = 0; high > 0 && count < 4; count += 1) {
        this.#push(low | 0x80);
        low >>>= 7;
      }
      this.#whole(high || low);
    } else if (Number.isFinite(value)) {
      this.#push(FLOAT);
      this.#put(new Uint8Array(new Float64Array([value]).buffer));
    } else {
      throw this.#refusal(String(value));
    }
  }

  #text(text: string): void {
    const { length } = text;
    if (length < SHORT) {
      const room = this.#reserve(SHORT);
      const start = this.length + 1;
      // Above seven bits once there was something else than ASCII, and for U+0000.
      let bits = 0;
      for (let nth = 0; nth < length; nth += 1) {
        const unit = text.charCodeAt(nth);
        room[start + nth] = unit;
        bits |= unit | (unit - 1);
      }
      if (bits >> 7 === 0) {
        room[start - 1] = length;
        this.length = start + length;
        return;
      }
    }
    const found = textFault(text);
    if (found && this.#place !== OWN) throw this.#refusal(found);
    // Of what the client itself says, such as the name of a field, the engine tells what is wrong.
    const bytes = new TextEncoder().encode(found ? text.replaceAll('\0', '\ufffd') : text);
    this.#whole(bytes.length);
    this.#put(bytes);
  }

  #bytes(bytes: Uint8Array): void {
    this.#head(BYTES, bytes.length);
    this.#put(bytes);
  }

  #head(tag: number, count: number): void {
    this.#push(tag);
    this.#whole(count);
  }

  /** A number below 2^31, in as few bytes as it takes. */
  #whole(number: number): void {
    let rest = number;
    for (; rest > 0x7f; rest >>>= 7) this.#push(rest | 0x80);
    this.#push(rest);
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
  #reserve(count: number): Uint8Array<ArrayBuffer> {
    const needed = this.length + count;
    if (needed > this.#room.length) {
      const room = new Uint8Array(Math.max(needed + ROOM, this.#room.length * 2));
      room.set(this.#room);
      this.#room = room;
    }
    return this.#room;
  }

  #refusal(found: string): HolmError {
    const steps = this.#steps.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`));
    return badValue(found, { ...this.#place, field: this.#place.field + steps.join('') });
  }
}

function isPlain(value: object): boolean {
  const above: object | null = Object.getPrototypeOf(value);
  return above === null || Object.getPrototypeOf(above) === null;
}

function className(value: object, kind: string): string {
  return kind === 'Object' ? (value.constructor?.name ?? kind) : kind;
}

/** Reads what a writer wrote. */
export class BinaryReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Whether all was read. */
  get isDone(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The next value. */
  read(): Json {
    const tag = this.#byte();
    switch (tag) {
      case NULL:
        return null;
      case INT: {
        const first = this.#byte();
        // Half of it, and the sign.
        const half = ((first & 0x7f) >> 1) + (first > 0x7f ? this.#varint() * 64 : 0);
        return first & 1 ? -1 - half : half;
      }
      case FLOAT:
        return new DataView(this.#take(8).buffer).getFloat64(0, true);
      case STRING:
        return this.#text();
      case BYTES:
        return this.#take(this.#varint());
      case LIST:
        return Array.from({ length: this.#varint() }, () => this.read());
      case MAP: {
        const map: Record<string, Json> = {};
        for (let left = this.#varint(); left > 0; left -= 1) put(map, this.#text(), this.read());
        return map;
      }
      default:
        return tag === TRUE;
    }
  }

  #text(): string {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.#take(this.#varint()));
  }

  #varint(): number {
    const byte = this.#byte();
    return byte > 0x7f ? byte - 0x80 + this.#varint() * 0x80 : byte;
  }

  #byte(): number {
    this.#at += 1;
    return this.#bytes[this.#at - 1] as number;
  }

  #take(count: number): Uint8Array<ArrayBuffer> {
    this.#at += count;
    return this.#bytes.slice(this.#at - count, this.#at);
  }
}
