// The storage ladder: OPFS, then IndexedDB, then memory. A new database gets the highest rung that
// works. Where it lives is written down in both OPFS and IndexedDB, so that what cannot be opened
// today is never taken for an empty database.
import { IndexedDb } from './indexeddb.ts';
import { Memory } from './mirror.ts';
import { move } from './move.ts';
import { type Folders, findOpfs } from './opfs.ts';
import type { Kind } from './platform.ts';
import { busy, type Home, nameOf, type Rung } from './rung.ts';

const memory = new Memory();

/** The rung where a database lives. What there is of rungs is looked at anew if it is not given. */
export async function openRung(database: string, opfs = findOpfs()): Promise<Rung> {
  return findRung(await opfs, database);
}

/**
 * The rung where a database lives. A new database gets the highest that there is, and one in
 * IndexedDB moves to OPFS.
 */
export async function findRung(opfs: Folders | undefined, database: string): Promise<Rung> {
  const rung = await findHome(opfs, database);
  const isMoved = opfs && rung instanceof IndexedDb && (await move(rung, opfs, database));
  if (!isMoved) return rung;
  await rung.close();
  return findHome(opfs, database);
}

/** Removes a database, and whatever says that there was one. Nobody may have it open. */
export async function removeRungs(database: string): Promise<void> {
  const opfs = await findOpfs();
  const above = await opfs?.home(database);
  const below = await openIndexedDb(database, undefined);
  const home = newer(above, below?.home)?.rung;
  // What cannot be reached now would be there again later.
  if ((home === 'opfs' && !opfs) || (home === 'indexeddb' && !below)) throw busy();
  await below?.delete();
  await opfs?.delete(database);
}

async function findHome(opfs: Folders | undefined, database: string): Promise<Rung> {
  const above = await opfs?.home(database);
  if (opfs && above?.rung === 'opfs' && above.isShared) return opfs;
  const below = await openIndexedDb(database, above);
  try {
    const rung = await choose(database, opfs, above, below);
    if (rung !== below) await below?.close();
    return rung;
  } catch (thrown) {
    await below?.close();
    throw thrown;
  }
}

async function choose(
  database: string,
  opfs: Folders | undefined,
  above: Home | undefined,
  below: IndexedDb | undefined,
): Promise<Rung> {
  const under = below?.home;
  const home = newer(above, under) ?? { rung: await best(opfs, below), moves: 0 };
  if (home.rung === 'memory') return memory.find(database);
  const isAbove = home.rung === 'opfs';
  const rung = isAbove ? opfs : below;
  const own = isAbove ? above : under;
  if (!rung) throw busy();
  // The other rung knows that it was here.
  if (!own && (above ?? under)) throw new DOMException(home.rung, 'NotFoundError');
  const setAbove = (isShared: boolean) => opfs?.setHome({ ...home, isShared });
  // The rung itself first: without its own record the database would look as if it were gone.
  if (!isSame(own, home)) await (isAbove ? setAbove(false) : below?.setHome(home));
  try {
    // What IndexedDB says itself has come by a move: the files are not needed any more.
    if (isAbove && below) await (isSame(under, home) ? below.empty() : below.setHome(home));
    if (below && (isAbove || !isSame(above, home))) await setAbove(true);
  } catch {
    // The next opening tries again.
  }
  return rung;
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
    throw busy();
  }
}

/** The highest rung that works. */
async function best(opfs: Folders | undefined, below: IndexedDb | undefined): Promise<Kind> {
  if (opfs) return 'opfs';
  return (await below?.isReliable()) ? 'indexeddb' : 'memory';
}

function newer(one: Home | undefined, other: Home | undefined): Home | undefined {
  return one && other && other.moves > one.moves ? other : (one ?? other);
}

function isSame(one: Home | undefined, other: Home): boolean {
  return one?.rung === other.rung && one.moves === other.moves;
}
