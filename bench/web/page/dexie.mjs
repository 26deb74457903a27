// Dexie, with the index that is needed, and strict transactions as Holm's writes are.
import { Dexie } from 'dexie';

export async function open() {
  const db = new Dexie('dexie', { chromeTransactionDurability: 'strict' });
  db.version(1).stores({ issues: 'id, [status+updatedAt]' });
  await db.open();
  return {
    kind: 'indexeddb',
    insertOne: (issue) => db.issues.add(issue),
    insertAll: (all) => db.issues.bulkAdd(all),
    newestOpen: async () => {
      const range = [
        ['open', Dexie.minKey],
        ['open', Dexie.maxKey],
      ];
      const open = db.issues.where('[status+updatedAt]').between(...range);
      const found = await open.reverse().limit(60).toArray();
      found.sort((a, b) => b.updatedAt - a.updatedAt || (a.id < b.id ? -1 : 1));
      return found.slice(0, 50).map(({ id }) => id);
    },
    get: (id) => db.issues.get(id),
    all: () => db.issues.toArray(),
  };
}
