// Values at the door: what the app gives becomes plain values for the engine, or is refused with
// `bad_value`; what the engine sends becomes what the app reads. See docs/PROTOCOL.md, section 3.
//
// The engine judges everything that it can express. Refused here is what would be changed or
// dropped in silence, and what would make a whole message unreadable (U+0000, depth).
import { HolmError } from './error.ts';

/** What JSON can express, and bytes. Fields of kind `json` take it, and bytes inside it. */
export type Json =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Json[]
  | { readonly [member: string]: Json };

/** Where a value stands, for the error, and whether a `Date` is meant as a time there. */
export interface Place {
  readonly collection: string;
  readonly field: string;
  /** What the field takes, in words. */
  readonly expected: string;
  readonly takesDates?: boolean;
}

const DEPTH_MAX = 64;
const SURROGATE = /\p{Surrogate}/u;

/** A copy of a value, as plain as the engine takes it; refuses what has none. */
export function toPlain(value: unknown, place: Place): Json {
  return new Walk(place).copy(value);
}

/** One walk through a value; it remembers the way down, for cycles and for the error. */
class Walk {
  readonly #place: Place;
  readonly #above: object[] = [];
  readonly #steps: string[] = [];

  constructor(place: Place) {
    this.#place = place;
  }

  copy(value: unknown): Json {
    switch (typeof value) {
      case 'string':
        return this.#text(value);
      case 'number':
        if (!Number.isFinite(value)) throw this.#refusal(String(value));
        return value + 0; // -0 becomes 0
      case 'boolean':
        return value;
      case 'object':
        return value === null ? null : this.#object(value);
      default:
        throw this.#refusal(typeof value);
    }
  }

  #text(text: string): string {
    const found = textFault(text);
    if (found) throw this.#refusal(found);
    return text;
  }

  #object(value: object): Json {
    // The class name works for objects of other realms too, where `instanceof` does not.
    const kind = Object.prototype.toString.call(value).slice(8, -1);
    if (kind === 'Date') return this.#date(value as Date);
    if (kind === 'Uint8Array') return new Uint8Array(value as Uint8Array);
    if (this.#above.includes(value)) throw this.#refusal('cycle');
    if (this.#above.length === DEPTH_MAX) {
      throw this.#refusal(`value nested over ${DEPTH_MAX} deep`);
    }
    this.#above.push(value);
    const out = Array.isArray(value) ? this.#list(value) : this.#map(value, kind);
    this.#above.pop();
    return out;
  }

  #date(date: Date): number {
    const time = date.getTime();
    if (Number.isNaN(time)) throw this.#refusal('invalid Date');
    if (!this.#place.takesDates) throw this.#refusal('Date');
    return time;
  }

  #list(list: readonly unknown[]): Json {
    const out: Json[] = [];
    // Holes are visited as undefined, and refused like it.
    for (const item of list) out.push(this.#inside(`[${out.length}]`, item));
    return out;
  }

  #map(value: object, kind: string): Json {
    if (!isPlain(value)) throw this.#refusal(className(value, kind));
    const out: Record<string, Json> = {};
    for (const [key, member] of Object.entries(value)) {
      this.#text(key);
      put(out, key, this.#inside(`.${key}`, member));
    }
    return out;
  }

  #inside(step: string, value: unknown): Json {
    this.#steps.push(step);
    const out = this.copy(value);
    this.#steps.pop();
    return out;
  }

  #refusal(found: string): HolmError {
    return badValue(found, { ...this.#place, field: this.#place.field + this.#steps.join('') });
  }
}

/** Older browsers lack the method, which is faster. */
const isWellFormed = (text: string & { isWellFormed?(): boolean }) =>
  text.isWellFormed?.() ?? !SURROGATE.test(text);

/** What keeps a text from being stored, or nothing. */
export function textFault(text: string): string | undefined {
  if (!isWellFormed(text)) return 'string with an unpaired surrogate';
  if (text.includes('\0')) return 'string with U+0000';
  return undefined;
}

/** A fresh value as the engine sent it, with its tags resolved; changes it in place. */
export function decode(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return decodeMembers(value as unknown as Record<string, Json>);
  const map = value as Record<string, Json>;
  if (!Object.hasOwn(map, '$')) return decodeMembers(map);
  if (map.$ === 'bytes') return base64ToBytes(map.v as string);
  return decodeMembers(map.v as Record<string, Json>);
}

function decodeMembers(map: Record<string, Json>): Json {
  for (const key of Object.keys(map)) {
    const value = map[key] as Json;
    // Only objects change, and an own `__proto__` stays an own member when it is assigned.
    if (typeof value === 'object' && value !== null) map[key] = decode(value);
  }
  return map;
}

/** Sets an own member, also where its name is `__proto__`. */
export function put<T>(target: Record<string, T>, key: string, value: T): void {
  if (key !== '__proto__') target[key] = value;
  else
    Object.defineProperty(target, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
}

/** Whether two decoded values are equal, to the last member. */
export function isEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || !a || !b) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  return keys.every((key) => Object.hasOwn(right, key) && isEqual(left[key], right[key]));
}

/** The error for a value that does not fit; the engine's own has the same shape. */
export function badValue(found: string, place: Place): HolmError {
  const { collection, field, expected } = place;
  return new HolmError(
    'bad_value',
    `${collection}.${field} takes ${expected}, but got a ${found}. ` +
      'Nothing was changed; give a value of that type.',
    { details: { collection, field, found, expected } },
  );
}

function isPlain(value: object): boolean {
  const above: object | null = Object.getPrototypeOf(value);
  return above === null || Object.getPrototypeOf(above) === null;
}

function className(value: object, kind: string): string {
  return kind === 'Object' ? (value.constructor?.name ?? kind) : kind;
}

function base64ToBytes(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
