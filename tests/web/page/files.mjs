// The files of a database that is closed, from outside it, on both rungs that keep them
// (docs/FORMAT.md). Runs in the page.

const CHUNK_BYTES = 32 << 10;

/**
 * The files of a database with a plain name whose names begin like this, oldest first: `[name,
 * bytes]` each.
 */
export async function readFiles(rung, database, beginning) {
  const files = await (rung === 'opfs' ? readFolder(database) : readIndexedDb(database));
  return files.filter(([name]) => name.startsWith(beginning)).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The names of its files; it may be open. */
export async function fileNames(rung, database) {
  if (rung !== 'opfs') return (await readIndexedDb(database)).map(([name]) => name);
  const names = [];
  for await (const name of (await folderOf(database)).keys()) names.push(name);
  return names;
}

/** Puts other bytes in the place of a file's. */
export function writeFile(rung, database, name, bytes) {
  return rung === 'opfs'
    ? writeInFolder(database, name, bytes)
    : writeChunks(database, name, bytes);
}

async function folderOf(database) {
  const root = await navigator.storage.getDirectory();
  return (await root.getDirectoryHandle('holm')).getDirectoryHandle(`db-${database}`);
}

async function readFolder(database) {
  const files = [];
  for await (const entry of (await folderOf(database)).values()) {
    files.push([entry.name, new Uint8Array(await (await entry.getFile()).arrayBuffer())]);
  }
  return files;
}

async function writeInFolder(database, name, bytes) {
  const file = await (await folderOf(database)).getFileHandle(name);
  const out = await file.createWritable();
  await out.write(bytes);
  await out.close();
}

async function readIndexedDb(database) {
  const { names, lengths, keys, chunks } = await inTransaction(database, 'readonly', (stores) => ({
    names: stores.files.getAllKeys(),
    lengths: stores.files.getAll(),
    keys: stores.chunks.getAllKeys(),
    chunks: stores.chunks.getAll(),
  }));
  return names.map((name, at) => {
    const bytes = new Uint8Array(lengths[at]);
    keys.forEach(([file, index], nth) => {
      if (file === name) bytes.set(chunks[nth], index * CHUNK_BYTES);
    });
    return [name, bytes];
  });
}

async function writeChunks(database, name, bytes) {
  await inTransaction(database, 'readwrite', ({ files, chunks }) => {
    files.put(bytes.length, name);
    chunks.delete(IDBKeyRange.bound([name, 0], [name, Number.POSITIVE_INFINITY]));
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      chunks.put(bytes.slice(at, at + CHUNK_BYTES), [name, at / CHUNK_BYTES]);
    }
    return {};
  });
}

/** Resolves to the results of the requests that `ask` makes, when they are complete. */
async function inTransaction(database, mode, ask) {
  const request = indexedDB.open(`holm:${database}`);
  const connection = await new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  try {
    return await new Promise((resolve, reject) => {
      const names = ['files', 'chunks'];
      const transaction = connection.transaction(names, mode);
      const stores = names.map((name) => [name, transaction.objectStore(name)]);
      const requests = Object.entries(ask(Object.fromEntries(stores)));
      transaction.oncomplete = () =>
        resolve(Object.fromEntries(requests.map(([name, { result }]) => [name, result])));
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    connection.close();
  }
}
