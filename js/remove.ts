// Removing a database: done where its storage is, under its lock, and told as an error.
import { HolmError } from './error.ts';
import type { Platform } from './platform.ts';
import { nameOf } from './rung.ts';

/** How long whoever has it open may take to let go of it: as long as for opening. */
const WAIT_MS = 2_000;

/** Why a database is still there; null: it is not. */
export type Hindrance = { readonly code: string; readonly reason: string } | null;

/** Removes a database unless somebody has it open. */
export async function removeUnderLock(
  database: string,
  requestLock: Platform['requestLock'],
  remove: (database: string) => Promise<void>,
): Promise<Hindrance> {
  let release = () => {};
  const isFree = await new Promise((told) => {
    release = requestLock(database, told);
    setTimeout(told, WAIT_MS, false);
  });
  try {
    if (!isFree) return { code: 'database_in_use', reason: 'it is open' };
    await remove(database);
    return null;
  } catch (thrown) {
    if (nameOf(thrown) !== 'NoModificationAllowedError') {
      return { code: 'storage_failed', reason: String(thrown) };
    }
    return { code: 'storage_busy', reason: 'its storage cannot be reached now' };
  } finally {
    release();
  }
}

/** Rejects where the database is still there. */
export async function settleRemoval(name: string, removing: Promise<Hindrance>): Promise<void> {
  const hindrance = await removing;
  if (!hindrance) return;
  const { code = 'worker_failed', reason } = hindrance;
  const message =
    `The database \`${name}\` was not removed: ${reason}. ` +
    'Close it in all tabs, and try again.';
  throw new HolmError(code, message, { retryable: true, details: { name, reason } });
}
