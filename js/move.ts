// Moves a database from IndexedDB to OPFS. The files are copied and flushed; then the home is
// switched, by one transaction of whoever owns the database in IndexedDB. Wherever that ends, one
// whole home is left: before the switch the old one, after it the new one.
import type { IndexedDb } from './indexeddb.ts';
import type { Folders } from './opfs.ts';
import type { SyncAccessHandle } from './platform.ts';

const PART_BYTES = 1 << 20;

/** Whether it has moved. What is in the way of copying leaves it where it is. */
export async function move(from: IndexedDb, to: Folders, database: string): Promise<boolean> {
  // Open until the switch, so that nobody else can have files of these names.
  const copies: SyncAccessHandle[] = [];
  try {
    if (!(await copyAll(from, to, database, copies))) return false;
    // Nobody knows whether a switch that failed was made: the next opening looks.
    await from.moveTo('opfs');
    return true;
  } finally {
    for (const copy of copies) copy.close();
  }
}

async function copyAll(
  from: IndexedDb,
  to: Folders,
  database: string,
  copies: SyncAccessHandle[],
): Promise<boolean> {
  try {
    const files = await from.list();
    // Files without this record would be taken for a home.
    if (from.isFull || (await to.home(database))?.rung !== 'indexeddb') return false;
    await to.clear(database);
    for (const { name, handle } of files) {
      const made = await to.make(name);
      copies.push(made.handle);
      copy(handle, made.handle);
    }
    return true;
  } catch {
    // They are not removed: others may have them once they are closed.
    try {
      for (const copy of copies) copy.truncate(0);
    } catch {
      // A file with content is never taken by a later move.
    }
    return false;
  }
}

function copy(from: SyncAccessHandle, to: SyncAccessHandle): void {
  const size = from.getSize();
  const part = new Uint8Array(PART_BYTES);
  for (let at = 0; at < size; ) {
    const bytes = part.subarray(0, from.read(part, { at }));
    if (to.write(bytes, { at }) !== bytes.length) throw new Error('full');
    at += bytes.length;
  }
  to.flush();
}
