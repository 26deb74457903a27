// The floor of whatever is built on IndexedDB: the API itself, with the index that is needed.
import { idsByTime } from './issues.mjs';

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const complete = (transaction) =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });

export async function open() {
  const opening = indexedDB.open('floor', 1);
  opening.onupgradeneeded = () => {
    const store = opening.result.createObjectStore('issues', { keyPath: 'id' });
    store.createIndex('open', ['status', 'updatedAt']);
  };
  const db = await done(opening);
  const write = (all) => {
    const transaction = db.transaction('issues', 'readwrite', { durability: 'strict' });
    for (const issue of all) transaction.objectStore('issues').put(issue);
    return complete(transaction);
  };
  const store = () => db.transaction('issues').objectStore('issues');
  return {
    kind: 'indexeddb',
    insertOne: (issue) => write([issue]),
    insertAll: write,
    newestOpen: () =>
      new Promise((resolve, reject) => {
        const range = IDBKeyRange.bound(['open'], ['open', []]);
        const found = [];
        const cursor = store().index('open').openCursor(range, 'prev');
        cursor.onerror = () => reject(cursor.error);
        cursor.onsuccess = () => {
          if (cursor.result) found.push(cursor.result.value);
          if (cursor.result && found.length < 60) cursor.result.continue();
          else resolve(idsByTime(found).slice(0, 50));
        };
      }),
    openSince: async (ms) => {
      const range = IDBKeyRange.bound(['open', ms], ['open', []]);
      return idsByTime(await done(store().index('open').getAll(range)));
    },
    withPriority: async (wanted) =>
      (await done(store().getAll())).filter(({ priority }) => priority === wanted),
    get: (id) => done(store().get(id)),
    all: () => done(store().getAll()),
  };
}
