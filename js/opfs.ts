// The OPFS rung, or the asynchronous half of it: finding it, opening, making and removing files.
// The engine reads, writes and flushes what was opened here by itself (worker/src/handle.rs).
import type { Opened, SyncAccessHandle } from './platform.ts';
import { byName, type Home, nameOf, type Rung } from './rung.ts';

/** The folder above those of the databases. */
const ROOT = 'holm';
/** Written, flushed, read back and removed where nothing was ever stored. */
const PROBE = '.probe';
/** The file that says where a database lives, beside those of the engine. */
const HOME = 'home';
const CREATE = { create: true };
const START = { at: 0 };

interface SharedHome extends Home {
  /** Whether IndexedDB has it too. */
  readonly isShared: boolean;
}

type FileHandle = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncAccessHandle> };

/**
 * OPFS, or undefined where it cannot be used at all: old browsers lack it, private modes refuse it.
 * A store that is busy or full is still there, since an empty one in its place would look like a
 * loss.
 */
export async function findOpfs(): Promise<Folders | undefined> {
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

/** The folders of databases in OPFS. */
export class Folders implements Rung {
  readonly kind = 'opfs';
  private readonly root: FileSystemDirectoryHandle;
  /** The folder of the database that was listed last. */
  private folder: FileSystemDirectoryHandle | undefined;

  constructor(root: FileSystemDirectoryHandle) {
    this.root = root;
  }

  /** Where the database lives, if that was ever written down here. Its files say so too. */
  async home(database: string): Promise<SharedHome | undefined> {
    const folder = await this.folderOf(database);
    try {
      const file = await folder.getFileHandle(HOME);
      return JSON.parse(await (await file.getFile()).text());
    } catch (thrown) {
      // One that a crash tore was being made.
      if (!['NotFoundError', 'SyntaxError'].includes(nameOf(thrown))) throw thrown;
    }
    for await (const name of folder.keys()) {
      if (name !== HOME) return { rung: 'opfs', moves: 0, isShared: false };
    }
    return undefined;
  }

  async setHome(database: string, home: SharedHome): Promise<void> {
    const file = await openFile(await this.folderOf(database), HOME);
    try {
      const bytes = new TextEncoder().encode(JSON.stringify(home));
      file.truncate(0);
      file.write(bytes, START);
      file.flush();
    } finally {
      file.close();
    }
  }

  async list(database: string): Promise<Opened[]> {
    this.folder = await this.folderOf(database);
    return openFiles(this.folder);
  }

  async make(name: string): Promise<Opened> {
    const handle = await openFile(this.folder as FileSystemDirectoryHandle, name);
    handle.truncate(0);
    return { name, handle };
  }

  remove(name: string): Promise<void> {
    return removeFile(this.folder as FileSystemDirectoryHandle, name);
  }

  /** Its handles do that. */
  async flush(): Promise<void> {}

  /** Whoever has the handles closes them. */
  async close(): Promise<void> {}

  private folderOf(database: string): Promise<FileSystemDirectoryHandle> {
    return this.root.getDirectoryHandle(folderName(database), CREATE);
  }
}

/** Opens every file, all at once since each may take milliseconds. If one fails none stays open. */
async function openFiles(folder: FileSystemDirectoryHandle): Promise<Opened[]> {
  const found: FileHandle[] = [];
  for await (const entry of folder.values()) {
    if (entry.kind === 'file' && entry.name !== HOME) found.push(entry as FileHandle);
  }
  found.sort(byName);
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
