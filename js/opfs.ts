// The asynchronous half of OPFS, in the worker: finding it, opening, making and removing files. The
// engine reads, writes and flushes what was opened here by itself (worker/src/opfs.rs).
import type { Opened, Opfs, SyncAccessHandle, Told } from './platform.ts';

/** The folder above those of the databases. */
const ROOT = 'holm';
/** Written, flushed, read back and removed where nothing was ever stored. */
const PROBE = '.probe';
const CREATE = { create: true };
const START = { at: 0 };

type FileHandle = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncAccessHandle> };

/**
 * OPFS, or undefined where it cannot be used at all: old browsers lack it, private modes refuse it.
 * A store that is busy or full is still there, since an empty one in its place would look like a
 * loss.
 */
export async function findOpfs(): Promise<Opfs | undefined> {
  // Exposed exactly where sync access handles are: in dedicated workers.
  if (!('FileSystemSyncAccessHandle' in globalThis)) return undefined;
  try {
    const origin = await navigator.storage.getDirectory();
    const root = await origin.getDirectoryHandle(ROOT, CREATE);
    return (await isReliable(root)) ? new Folders(root) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether what is written can be read back. Whatever is there already has shown that. */
async function isReliable(root: FileSystemDirectoryHandle): Promise<boolean> {
  for await (const name of root.keys()) if (name !== PROBE) return true;
  // Other tabs may be here for the first time too.
  return navigator.locks.request('holm-probe', async () => {
    try {
      const probe = await openFile(root, PROBE);
      try {
        return readsBack(probe);
      } finally {
        probe.close();
      }
    } catch (thrown) {
      return ['QuotaExceededError', 'NoModificationAllowedError'].includes(nameOf(thrown));
    } finally {
      await removeFile(root, PROBE);
    }
  });
}

function readsBack(file: SyncAccessHandle): boolean {
  const written = Uint8Array.of(104, 111, 108, 109);
  const read = new Uint8Array(written.length + 1);
  file.truncate(0);
  const taken = file.write(written, START);
  file.flush();
  const isWhole = taken === written.length && file.read(read, START) === taken;
  return isWhole && written.every((byte, at) => byte === read[at]);
}

class Folders implements Opfs {
  private readonly root: FileSystemDirectoryHandle;
  /** The folder of the database that was listed last. */
  private folder: FileSystemDirectoryHandle | undefined;
  /** The end of what was asked for so far. Rejected when the engine fails while it is told. */
  private done: Promise<void> = Promise.resolve();

  constructor(root: FileSystemDirectoryHandle) {
    this.root = root;
  }

  list(database: string, told: Told): void {
    this.do(async () => {
      this.folder = await this.root.getDirectoryHandle(folderName(database), CREATE);
      return openFiles(this.folder);
    }, told);
  }

  make(name: string, told: Told): void {
    this.do(async (folder) => {
      const handle = await openFile(folder, name);
      handle.truncate(0);
      return [{ name, handle }];
    }, told);
  }

  remove(name: string): void {
    this.do(
      async (folder) => {
        await removeFile(folder, name);
        return [];
      },
      () => {},
    );
  }

  private do(job: (folder: FileSystemDirectoryHandle) => Promise<Opened[]>, told: Told): void {
    const next = async () => job(this.folder as FileSystemDirectoryHandle);
    this.done = this.done.then(() => next().then(told, (thrown) => told(undefined, thrown)));
  }
}

/** Opens every file, all at once since each may take milliseconds. If one fails none stays open. */
async function openFiles(folder: FileSystemDirectoryHandle): Promise<Opened[]> {
  const found: FileHandle[] = [];
  for await (const entry of folder.values()) {
    if (entry.kind === 'file') found.push(entry as FileHandle);
  }
  found.sort((one, other) => (one.name < other.name ? -1 : 1));
  const handles = await Promise.allSettled(found.map((file) => file.createSyncAccessHandle()));
  const failure = handles.find((handle) => handle.status === 'rejected');
  const opened: Opened[] = [];
  handles.forEach((handle, at) => {
    if (handle.status === 'fulfilled') {
      opened.push({ name: found[at]?.name ?? '', handle: handle.value });
    }
  });
  if (!failure) return opened;
  for (const { handle } of opened) handle.close();
  throw failure.reason;
}

async function openFile(
  folder: FileSystemDirectoryHandle,
  name: string,
): Promise<SyncAccessHandle> {
  const file = await folder.getFileHandle(name, CREATE);
  return (file as FileHandle).createSyncAccessHandle();
}

/** A file that is in use stays; one that is not there is no error. */
function removeFile(folder: FileSystemDirectoryHandle, name: string): Promise<void> {
  return folder.removeEntry(name).catch(() => {});
}

const nameOf = (thrown: unknown) => (thrown instanceof Error ? thrown.name : '');

/**
 * A folder name for any database name: different names stay different, also where the file system
 * below does not tell upper from lower case. Small letters, digits, `-` and `_` stand for
 * themselves.
 */
export function folderName(database: string): string {
  const encoded = Array.from(new TextEncoder().encode(database), (byte) => {
    const char = String.fromCharCode(byte);
    return /[a-z0-9_-]/.test(char) ? char : `~${byte.toString(16).padStart(2, '0')}`;
  });
  return `db-${encoded.join('')}`;
}
