import { afterEach, describe, expect, it, vi } from 'vitest';
import { removeUnderLock, settleRemoval } from '../remove.ts';

afterEach(() => vi.useRealTimers());

/** A lock that is granted, or never, and says how often it was given up. */
function lock({ isFree = true } = {}) {
  const released: string[] = [];
  const request = (database: string, told: (isHeld: boolean) => void) => {
    if (isFree) queueMicrotask(() => told(true));
    return () => {
      released.push(database);
    };
  };
  return { request, released };
}

describe('a database is removed', () => {
  it('under its lock, which is given up after it', async () => {
    const { request, released } = lock();
    const removed: string[] = [];
    const remove = async (database: string) => {
      expect(released).toEqual([]);
      removed.push(database);
    };
    expect(await removeUnderLock('films', request, remove)).toBeNull();
    expect([removed, released]).toEqual([['films'], ['films']]);
  });

  it('not while somebody has it open', async () => {
    vi.useFakeTimers();
    const { request, released } = lock({ isFree: false });
    const remove = vi.fn();
    const removing = removeUnderLock('films', request, remove);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await removing).toMatchObject({ code: 'database_in_use' });
    expect(remove).not.toHaveBeenCalled();
    expect(released).toEqual(['films']);
  });

  it('or what is in the way is told as an error', async () => {
    for (const [name, code, reason] of [
      ['NoModificationAllowedError', 'storage_busy', 'its storage cannot be reached'],
      ['UnknownError', 'storage_failed', 'UnknownError: in the way'],
    ] as const) {
      const { request, released } = lock();
      const fail = () => Promise.reject(new DOMException('in the way', name));
      const removing = settleRemoval('films', removeUnderLock('films', request, fail));
      await expect(removing).rejects.toMatchObject({
        name: 'HolmError',
        code,
        retryable: true,
        details: { name: 'films' },
      });
      await expect(removing).rejects.toThrow(`\`films\` was not removed: ${reason}`);
      expect(released).toEqual(['films']);
    }
  });
});
