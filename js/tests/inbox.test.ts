import { expect, test } from 'vitest';
import { Inbox } from '../inbox.ts';
import { turn } from '../turn.ts';

/** An inbox whose messages take so long to read, and what was read. */
function inbox(ms: number) {
  const read: number[] = [];
  const made = new Inbox(([number = 0]) => {
    for (const began = performance.now(); performance.now() - began < ms; );
    read.push(number);
  });
  return { read, take: (number: number) => made.take(Uint8Array.of(number)), made };
}

test('a message that comes alone is read at once', () => {
  const { read, take } = inbox(20);
  take(1);
  expect(read).toEqual([1]);
});

test('between many that come at once others have their turn, and none is lost', async () => {
  const { read, take } = inbox(3);
  const all = Array.from({ length: 30 }, (_, at) => at);
  const before: number[] = [];
  let isOver = false;
  const other = (async () => {
    for (; !isOver; before.push(read.length)) await turn();
  })();
  for (const number of all) take(number);
  expect(read.length).toBeLessThan(10);
  await expect.poll(() => read.length).toBe(all.length);
  isOver = true;
  await other;
  expect(read).toEqual(all);
  // Somebody else had a turn after a few each time.
  const steps = before.map((count, at) => count - (before[at - 1] ?? 0));
  expect(Math.max(...steps)).toBeLessThan(10);
});

test('what waits for an engine that is gone is never read', async () => {
  const { read, take, made } = inbox(5);
  for (const number of [1, 2, 3, 4, 5]) take(number);
  const count = read.length;
  made.clear();
  await turn();
  await turn();
  expect(read.length).toBe(count);
  take(9);
  expect(read.at(-1)).toBe(9);
});
