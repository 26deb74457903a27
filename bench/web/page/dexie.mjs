// Dexie, with the index that is needed, and strict transactions as Holm's writes are.
import { Dexie } from 'dexie';
import { idsByTime } from './issues.mjs';

export async function open() {
  const db = new Dexie('dexie', { chromeTransactionDurability: 'strict' });
  db.version(1).stores({ issues: 'id, [status+updatedAt]' });
  await db.open();
  return {
    kind: 'indexeddb',
    insertOne: (issue) => db.issues.add(issue),
    insertAll: (all) => db.issues.bulkAdd(all),
    newestOpen: async () => {
      const found = await openSince(db, Dexie.minKey).reverse().limit(60).toArray();
      return idsByTime(found).slice(0, 50);
    },
    openSince: async (ms) => idsByTime(await openSince(db, ms).toArray()),
    withPriority: (priority) => db.issues.filter((issue) => issue.priority === priority).toArray(),
    get: (id) => db.issues.get(id),
    all: () => db.issues.toArray(),
  };
}

const openSince = (db, ms) =>
  db.issues.where('[status+updatedAt]').between(['open', ms], ['open', Dexie.maxKey], true, true);
