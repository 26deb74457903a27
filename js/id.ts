// Ids of documents, made in the client so that a write has its id at once.
//
// 24 characters: 10 of time, 4 of a counter within the millisecond, 10 random. They sort as text
// in the order in which this page made them, and like its clock among pages.

const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz';
const COUNTER_START_MAX = 2 ** 19;
const COUNTER_MAX = 2 ** 20;

let lastTime = 0;
let counter = 0;

/**
 * A new id: unique, and larger than every one this page made before.
 *
 * @example
 * const id = newId(); // '01jd8v3c4e0g7kq2m5x9tbhn'
 */
export function newId(): string {
  const random = crypto.getRandomValues(new Uint8Array(12));
  step(random);
  let tail = '';
  for (let at = 0; at < 10; at += 1) tail += DIGITS[(random[at] as number) & 31];
  return toDigits(lastTime, 10) + toDigits(counter, 4) + tail;
}

/** Moves time and counter on; a clock that goes back is not followed. */
function step(random: Uint8Array): void {
  const now = Date.now();
  if (now > lastTime) {
    lastTime = now;
    counter = ((random[10] as number) * 256 + (random[11] as number)) % COUNTER_START_MAX;
  } else if (++counter === COUNTER_MAX) {
    lastTime += 1;
    counter = 0;
  }
}

function toDigits(number: number, length: number): string {
  let digits = '';
  for (let left = number; digits.length < length; left = Math.floor(left / 32)) {
    digits = DIGITS[left % 32] + digits;
  }
  return digits;
}

/** A whole number below 2^53, drawn at random: the identity of a page towards the engine. */
export function newTab(): number {
  const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2));
  return (high & 0x1fffff) * 2 ** 32 + low;
}
