// Values as the app sees them: what the engine sends becomes what the app reads
// (docs/PROTOCOL.md, section 3), and what does not fit is told with its place.
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

const SURROGATE = /\p{Surrogate}/u;

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

function base64ToBytes(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
