import { afterEach, expect, it, vi } from 'vitest';
import type { Opened } from '../platform.ts';
import { OrderedStorage } from '../storage.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** Storage on a rung whose files are made when the test says so, asked for one of them. */
function askedForFile() {
  vi.useFakeTimers();
  const made: ((opened: Opened) => void)[] = [];
  const rung = {
    kind: 'opfs' as const,
    list: async () => [],
    make: () => new Promise<Opened>((resolve) => made.push(resolve)),
    remove: async () => {},
    flush: async () => {},
    close: async () => {},
  };
  const storage = new OrderedStorage(async () => rung);
  const told = vi.fn();
  storage.list('db', false, () => {});
  storage.make('log-1', told);
  return { storage, made, told };
}

function opened(name: string) {
  const handle = {
    close: vi.fn(),
    flush() {},
    getSize: () => 0,
    read: () => 0,
    truncate() {},
    write: () => 0,
  };
  return { name, handle };
}

it('a file that a browser never makes is not waited for, and is closed if it comes', async () => {
  const { storage, made, told } = askedForFile();
  storage.flush(() => told('flushed'));
  await vi.advanceTimersByTimeAsync(29_999);
  expect(told).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(told.mock.calls).toMatchObject([[undefined, { name: 'TimeoutError' }], ['flushed']]);
  const late = opened('log-1');
  made[0]?.(late);
  await vi.advanceTimersByTimeAsync(0);
  expect(late.handle.close).toHaveBeenCalled();
  expect(told).toHaveBeenCalledTimes(2);
});

it('a file that is made in time is told and stays open', async () => {
  const { made, told } = askedForFile();
  await vi.advanceTimersByTimeAsync(20_000);
  const file = opened('log-1');
  made[0]?.(file);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(told.mock.calls).toEqual([[[file]]]);
  expect(file.handle.close).not.toHaveBeenCalled();
});
