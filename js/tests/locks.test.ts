import { expect, it } from 'vitest';
import { requestLock } from '../locks.ts';

/** What was told, and what gives the lock up. */
function ask(database: string) {
  const told: boolean[] = [];
  return { told, release: requestLock(database, (isHeld) => told.push(isHeld)) };
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 5));

it('a lock is held by one, then by who asked next', async () => {
  const [one, two, three] = [ask('a'), ask('a'), ask('a')];
  expect(one.told).toEqual([]);
  await soon();
  expect([one.told, two.told, three.told]).toEqual([[true], [], []]);
  two.release();
  one.release();
  await soon();
  expect([one.told, two.told, three.told]).toEqual([[true], [], [true]]);
  three.release();
});

it('locks of other databases do not meet', async () => {
  const [one, other] = [ask('b'), ask('c')];
  await soon();
  expect([one.told, other.told]).toEqual([[true], [true]]);
  one.release();
  other.release();
});

it('giving up before hearing means hearing nothing', async () => {
  const [one, two] = [ask('d'), ask('d')];
  one.release();
  await soon();
  expect([one.told, two.told]).toEqual([[], [true]]);
  two.release();
  const again = ask('d');
  await soon();
  expect(again.told).toEqual([true]);
  again.release();
});
