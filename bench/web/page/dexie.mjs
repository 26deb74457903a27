// Dexie, with the index that is needed, and strict transactions as Holm's writes are.
import { Dexie, liveQuery } from 'dexie';
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

/** With the indexes that the live workloads need. */
export async function openLive() {
  const db = new Dexie('live', { chromeTransactionDurability: 'strict' });
  db.version(1).stores({
    issues: 'id, [status+updatedAt], [projectId+assigneeId+updatedAt]',
  });
  await db.open();
  const watch = (query, show) => {
    const subscription = liveQuery(query).subscribe(show);
    return () => subscription.unsubscribe();
  };
  const latestOf = ([project, assignee]) => {
    const [from, to] = [Dexie.minKey, Dexie.maxKey].map((end) => [project, assignee, end]);
    const found = db.issues.where('[projectId+assigneeId+updatedAt]').between(from, to);
    return found.reverse().limit(20).toArray();
  };
  const top = () =>
    openSince(db, Dexie.minKey)
      .reverse()
      .filter(({ priority }) => priority >= 2)
      .limit(50)
      .toArray();
  return {
    kind: 'indexeddb',
    insertAll: (all) => db.issues.bulkAdd(all),
    update: (id, change) => db.issues.update(id, change),
    watchTop: (show) => watch(top, show),
    watchPairs: (pairs, show) => {
      const stops = pairs.map((pair, nth) =>
        watch(
          () => latestOf(pair),
          (rows) => show(nth, rows),
        ),
      );
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}

const openSince = (db, ms) =>
  db.issues.where('[status+updatedAt]').between(['open', ms], ['open', Dexie.maxKey], true, true);
