// The OPFS rung, or the asynchronous half of it: finding it, opening, making and removing files.
// The engine reads, writes and flushes what was opened here by itself (worker/src/handle.rs).
import type { Kind, Opened, SyncAccessHandle } from './platform.ts';
import { busy, byName, type Home, nameOf, REFUSALS, type Rung } from './rung.ts';

/** The folder above those of the databases. */
const ROOT = 'holm';
/** Written, flushed, read back and removed where nothing was ever stored. */
const PROBE = '.probe';
/** The name of a file that says where a database lives, beside those of the engine. */
const HOME = /^home-(opfs|indexeddb)-(\d+)(-shared)?$/;
/** Errors of a storage that is full or held, which it could not be if it did not work. */
const IN_THE_WAY = ['QuotaExceededError', 'NoModificationAllowedError'];
const CREATE = { create: true };
const START = { at: 0 };

export interface SharedHome extends Home {
  /** Whether IndexedDB has it too. */
  readonly isShared: boolean;
}

/** The latest record has the highest. */
const rank = ({ moves, isShared }: SharedHome) => 2 * moves + Number(isShared);

/** TypeScript knows it in its library for workers only. */
declare const FileReaderSync: new () => { readAsArrayBuffer(blob: Blob): ArrayBuffer };

type FileHandle = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncAccessHandle> };

/**
 * OPFS, or undefined where it cannot be used at all: old browsers lack it, private windows refuse
 * it. What fails in any other way is there, and busy now: something else in its place would look
 * like a loss.
 */
export async function findOpfs(): Promise<Folders | undefined> {
  // Exposed exactly where sync access handles are: in dedicated workers.
  if (!('FileSystemSyncAccessHandle' in globalThis)) return undefined;
  // What is missing is a TypeError. WebKit's private windows give the last one, and only here.
  const refusals = [...REFUSALS, 'TypeError', 'UnknownError'];
  try {
    const origin = await navigator.storage.getDirectory();
    refusals.pop();
    const root = await holding(origin, origin.getDirectoryHandle(ROOT, CREATE));
    return (await isReliable(root)) ? new Folders(root) : undefined;
  } catch (thrown) {
    if (refusals.includes(nameOf(thrown))) return undefined;
    throw busy();
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
      if (IN_THE_WAY.includes(nameOf(thrown))) return true;
      throw thrown;
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
  readonly #root: FileSystemDirectoryHandle;
  /** The folder of the database that was looked for last, and the engine's files in it. */
  #folder: FileSystemDirectoryHandle | undefined;
  #found: FileHandle[] = [];

  constructor(root: FileSystemDirectoryHandle) {
    this.#root = root;
  }

  /**
   * Looks for a database: where it lives, if that was ever written down here. Its files say so too.
   */
  async home(database: string): Promise<SharedHome | undefined> {
    this.#folder = await this.#root.getDirectoryHandle(folderName(database), CREATE);
    this.#found = [];
    let home: SharedHome | undefined;
    for await (const entry of this.#folder.values()) {
      const [, rung, moves, shared] = HOME.exec(entry.name) ?? [];
      const one = { rung: rung as Kind, moves: Number(moves), isShared: shared !== undefined };
      if (rung) home = home && rank(home) > rank(one) ? home : one;
      else if (entry.kind === 'file') this.#found.push(entry as FileHandle);
    }
    return (
      home ?? (this.#found.length > 0 ? { rung: 'opfs', moves: 0, isShared: false } : undefined)
    );
  }

  /** Writes it down for the database that was looked for last, in a name, which cannot be torn. */
  async setHome({ rung, moves, isShared }: SharedHome): Promise<void> {
    const name = `home-${rung}-${moves}${isShared ? '-shared' : ''}`;
    await this.#folder?.getFileHandle(name, CREATE);
  }

  /** Removes the engine's files, and leaves what says where the database lives. */
  async clear(database: string): Promise<void> {
    await this.home(database);
    for (const { name } of this.#found) await this.remove(name);
  }

  /** Removes the folder of a database, which must be there. It fails while a file in it is open. */
  delete(database: string): Promise<void> {
    return this.#root.removeEntry(folderName(database), { recursive: true });
  }

  /** The database that was looked for last. */
  list(around = false): Promise<Opened[]> {
    return openFiles(this.#found, around);
  }

  async make(name: string): Promise<Opened> {
    const handle = await openFile(this.#folder as FileSystemDirectoryHandle, name);
    if (handle.getSize() === 0) return { name, handle };
    handle.close();
    throw new Error(`the file ${name} is there already`);
  }

  remove(name: string): Promise<void> {
    return removeFile(this.#folder as FileSystemDirectoryHandle, name);
  }

  /** Its handles do that. */
  async flush(): Promise<void> {}

  /** Whoever has the handles closes them. */
  async close(): Promise<void> {}
}

/** Opens every file, all at once since each may take milliseconds. If one fails none stays open. */
async function openFiles(found: FileHandle[], around: boolean): Promise<Opened[]> {
  found.sort(byName);
  const open = around ? openAround : openAlone;
  const handles = await Promise.allSettled(found.map(open));
  const failure = handles.find((handle) => handle.status === 'rejected');
  const opened: Opened[] = [];
  handles.forEach((handle, at) => {
    if (handle.status === 'fulfilled') {
      opened.push({ name: found[at]?.name ?? '', handle: handle.value });
    }
  });
  if (!failure) return opened;
  for (const { handle } of opened) handle.close();
  // One that was found a moment ago is being removed by somebody; the database is not gone.
  throw nameOf(failure.reason) === 'NotFoundError' ? busy() : failure.reason;
}

const openAlone = (file: FileHandle) => file.createSyncAccessHandle();

/** A frozen tab keeps its handles when it has lost its lock; what they wrote can be read. */
async function openAround(file: FileHandle): Promise<SyncAccessHandle> {
  try {
    return await openAlone(file);
  } catch (thrown) {
    if (nameOf(thrown) !== 'NoModificationAllowedError') throw thrown;
    return new Snapshot(await file.getFile());
  }
}

/** A file as it was when it was asked for, in the form of a handle. */
class Snapshot implements SyncAccessHandle {
  readonly #file: File;
  readonly #reader = new FileReaderSync();

  constructor(file: File) {
    this.#file = file;
  }

  getSize(): number {
    return this.#file.size;
  }

  read(into: Uint8Array, { at }: { readonly at: number }): number {
    const part = this.#reader.readAsArrayBuffer(this.#file.slice(at, at + into.length));
    into.set(new Uint8Array(part));
    return part.byteLength;
  }

  truncate(): never {
    throw busy();
  }

  write(): never {
    throw busy();
  }

  flush(): void {}

  close(): void {}
}

async function openFile(
  folder: FileSystemDirectoryHandle,
  name: string,
): Promise<SyncAccessHandle> {
  const file = (await folder.getFileHandle(name, CREATE)) as FileHandle;
  return holding(file, file.createSyncAccessHandle());
}

const held = new Set<FileSystemHandle>();

/** Chromium never answers what was asked of a handle that is garbage by then. */
async function holding<T>(handle: FileSystemHandle, asked: Promise<T>): Promise<T> {
  held.add(handle);
  try {
    return await asked;
  } finally {
    held.delete(handle);
  }
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
