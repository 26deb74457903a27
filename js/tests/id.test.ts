import { expect, it, vi } from 'vitest';
import { newId, newTab } from '../id.ts';

it('ids are unique, long, and sort in the order of their making', () => {
  const ids = Array.from({ length: 50_000 }, () => newId());
  expect(new Set(ids).size).toBe(ids.length);
  // As one truth value: a difference of so many lines takes minutes to print.
  expect(ids.every((id, at) => at === 0 || id > (ids[at - 1] as string))).toBe(true);
  expect(ids.every((id) => /^[0-9a-z]{24}$/.test(id))).toBe(true);
});

it('ids go on when the clock goes back', () => {
  const before = newId();
  const clock = vi.spyOn(Date, 'now').mockReturnValue(1_000);
  const after = newId();
  clock.mockRestore();
  expect(after > before).toBe(true);
});

it('a tab is a whole number below 2^53', () => {
  for (let times = 0; times < 1_000; times += 1) {
    const tab = newTab();
    expect(Number.isSafeInteger(tab) && tab >= 0).toBe(true);
  }
});
