// The rung outside browsers: real files, for Node, Deno and Bun. A database is a folder of them, as
// in OPFS. Knows `node:fs` by what it is given.
import { folderName } from './opfs.ts';
import type { Opened, SyncAccessHandle } from './platform.ts';
import { byName, type Rung } from './rung.ts';

/** What is used of `node:fs`. */
export interface Fs {
  closeSync(file: number): void;
  fstatSync(file: number): { readonly size: number };
  fsyncSync(file: number): void;
  ftruncateSync(file: number, length: number): void;
  mkdirSync(path: string, options: { readonly recursive: true }): void;
  openSync(path: string, flags: string | number): number;
  readdirSync(path: string): string[];
  readFileSync(path: string, encoding: 'latin1'): string;
  readSync(file: number, into: Uint8Array, from: number, count: number, at: number): number;
  rmSync(path: string, options: { readonly recursive: true; readonly force: true }): void;
  statSync(path: string, options: { readonly bigint: true }): { dev: bigint; ino: bigint };
  unlinkSync(path: string): void;
  writeSync(file: number, from: Uint8Array, start: number, count: number, at: number): number;
}

/** What the engine's host tells apart, by the codes of the operating system. */
const NAMES: Readonly<Record<string, string | undefined>> = {
  ENOSPC: 'QuotaExceededError',
  EDQUOT: 'QuotaExceededError',
  EFBIG: 'QuotaExceededError',
  EBUSY: 'NoModificationAllowedError',
  ENOENT: 'NotFoundError',
};

/** The folder of a database. */
export const pathOf = (directory: string, database: string) =>
  `${directory}/${folderName(database)}`;

/** One database in a folder. Whoever uses it has locked the folder (js/file-lock.ts). */
export class FolderOfFiles implements Rung {
  readonly kind = 'files';
  readonly #fs: Fs;
  readonly #path: string;

  /** Makes the folder if need be. */
  constructor(fs: Fs, directory: string, database: string) {
    this.#fs = fs;
    this.#path = pathOf(directory, database);
    translated(() => fs.mkdirSync(this.#path, { recursive: true }));
    // Any of the folders above may be new. Where there is nothing to do it takes no time.
    const names = this.#path.split('/');
    for (let count = names.length - 1; count > 0; count -= 1) {
      this.#sync(names.slice(0, count).join('/') || '/');
    }
  }

  async list(): Promise<Opened[]> {
    const opened: Opened[] = [];
    try {
      for (const name of translated(() => this.#fs.readdirSync(this.#path))) {
        opened.push(this.#open(name, 'r+'));
      }
    } catch (thrown) {
      for (const { handle } of opened) handle.close();
      throw thrown;
    }
    return opened.sort(byName);
  }

  async make(name: string): Promise<Opened> {
    const made = this.#open(name, 'wx+');
    this.#sync(this.#path);
    return made;
  }

  async remove(name: string): Promise<void> {
    try {
      this.#fs.unlinkSync(`${this.#path}/${name}`);
    } catch {
      return; // It is listed again at the next opening.
    }
    this.#sync(this.#path);
  }

  /** Its handles do that. */
  async flush(): Promise<void> {}

  /** Whoever has the handles closes them. */
  async close(): Promise<void> {}

  #open(name: string, flags: string): Opened {
    const file = translated(() => this.#fs.openSync(`${this.#path}/${name}`, flags));
    return { name, handle: new OpenFile(this.#fs, file) };
  }

  /** Makes durable which names are in a folder, where the system has a way to do so. */
  #sync(folder: string): void {
    let file: number | undefined;
    try {
      file = this.#fs.openSync(folder, 'r');
      this.#fs.fsyncSync(file);
    } catch (thrown) {
      // Windows opens no folder, some file systems flush none, and some are not for us to open.
      if (!['EISDIR', 'EPERM', 'EACCES', 'EINVAL', 'ENOTSUP'].includes(codeOf(thrown)))
        throw thrown;
    } finally {
      if (file !== undefined) this.#fs.closeSync(file);
    }
  }
}

class OpenFile implements SyncAccessHandle {
  readonly #fs: Fs;
  readonly #file: number;

  constructor(fs: Fs, file: number) {
    this.#fs = fs;
    this.#file = file;
  }

  getSize(): number {
    return translated(() => this.#fs.fstatSync(this.#file).size);
  }

  read(into: Uint8Array, { at }: { readonly at: number }): number {
    return whole(into.length, (done, left) =>
      this.#fs.readSync(this.#file, into, done, left, at + done),
    );
  }

  write(from: Uint8Array, { at }: { readonly at: number }): number {
    return whole(from.length, (done, left) =>
      this.#fs.writeSync(this.#file, from, done, left, at + done),
    );
  }

  truncate(length: number): void {
    translated(() => this.#fs.ftruncateSync(this.#file, length));
  }

  flush(): void {
    translated(() => this.#fs.fsyncSync(this.#file));
  }

  close(): void {
    this.#fs.closeSync(this.#file);
  }
}

/** Calls until all is done, or no more is: the operating system may do a part at a time. */
function whole(length: number, call: (done: number, left: number) => number): number {
  let done = 0;
  while (done < length) {
    const count = translated(() => call(done, length - done));
    if (count === 0) break;
    done += count;
  }
  return done;
}

function translated<T>(call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    const name = NAMES[codeOf(thrown)];
    throw name ? new DOMException((thrown as Error).message, name) : thrown;
  }
}

/** The operating system's code of an error. */
export const codeOf = (thrown: unknown) => (thrown as { code?: string } | null)?.code ?? '';
