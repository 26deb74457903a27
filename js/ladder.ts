// The storage ladder: OPFS, then IndexedDB, then memory. A new database gets the highest rung that
// works. Where it lives is written down in both OPFS and IndexedDB, so that what cannot be opened
// today is never taken for an empty database.
import { IndexedDb } from './indexeddb.ts';
import { Memory } from './mirror.ts';
import type { Folders } from './opfs.ts';
import { busy, type Home, nameOf, type Rung } from './rung.ts';

const memory = new Memory();

/** The rung where a database lives. A new database gets the highest that there is. */
export async function findRung(opfs: Folders | undefined, database: string): Promise<Rung> {
  const above = await opfs?.home(database);
  if (opfs && above?.rung === 'opfs' && above.isShared) return opfs;
  const below = await openIndexedDb(database, above);
  const under = await below?.home();
  const best = opfs ? 'opfs' : below ? 'indexeddb' : 'memory';
  const home = newer(above, under) ?? { rung: best, moves: 0 };
  if (home.rung === 'memory') return memory;
  const [rung, own] = home.rung === 'opfs' ? [opfs, above] : [below, under];
  if (!rung) throw busy(`the database is in ${home.rung}, which cannot be opened now`);
  if (!own && (above ?? under)) throw new Error(`the database was in ${home.rung} and is gone`);
  if (rung === opfs) await settleInOpfs(database, home, opfs, below);
  else if (!isSame(under, home) || (opfs && !isSame(above, home))) {
    await below?.setHome(home);
    await opfs?.setHome(database, { ...home, isShared: true });
  }
  return rung;
}

// Both ways to settle write to the rung itself first: if its own record were missing, the database
// would look as if it had been removed.

async function settleInOpfs(
  database: string,
  home: Home,
  opfs: Folders,
  below: IndexedDb | undefined,
): Promise<void> {
  await opfs.setHome(database, { ...home, isShared: false });
  if (!below) return;
  try {
    await below.setHome(home);
    await opfs.setHome(database, { ...home, isShared: true });
  } catch {
    // The next opening tries again.
  } finally {
    await below.close();
  }
}

/**
 * IndexedDB, or undefined where it cannot be used. Where it is there and cannot be opened now
 * nobody knows what is in it, unless the home is known already.
 */
async function openIndexedDb(
  database: string,
  above: Home | undefined,
): Promise<IndexedDb | undefined> {
  try {
    return await IndexedDb.open(database);
  } catch (thrown) {
    if (above?.rung === 'opfs') return undefined;
    if (['QuotaExceededError', 'VersionError'].includes(nameOf(thrown))) throw thrown;
    throw busy(`IndexedDB: ${thrown}`);
  }
}

function newer(one: Home | undefined, other: Home | undefined): Home | undefined {
  return one && other && other.moves > one.moves ? other : (one ?? other);
}

function isSame(one: Home | undefined, other: Home): boolean {
  return one?.rung === other.rung && one.moves === other.moves;
}
