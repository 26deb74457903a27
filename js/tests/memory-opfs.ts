// OPFS in memory, as far as js/opfs.ts uses it. A test may stop every call that it makes.
import type { SyncAccessHandle } from '../platform.ts';

type Gate = (call: string) => void | Promise<void>;

/** An OPFS that outlives the workers that use it. */
export class MemoryOpfs {
  /** Called before each call, which fails if it throws, and never ends if it does not. */
  gate: Gate = () => {};
  private root = new Folder(this);

  /** What a page of this browser finds; with `hidden`, one that has no OPFS. */
  show(isThere: boolean): void {
    const FileSystemSyncAccessHandle = isThere ? class {} : undefined;
    const storage = {
      getDirectory: async () => {
        await this.gate('getDirectory');
        return this.root;
      },
    };
    const locks = { request: (_name: string, held: () => unknown) => held() };
    const value = { storage, locks };
    Object.defineProperty(globalThis, 'navigator', { value, configurable: true, writable: true });
    Object.assign(globalThis, { FileReaderSync: Reader });
    if (FileSystemSyncAccessHandle) Object.assign(globalThis, { FileSystemSyncAccessHandle });
    else Reflect.deleteProperty(globalThis, 'FileSystemSyncAccessHandle');
  }

  /** The user has its data removed. */
  empty(): void {
    this.root = new Folder(this);
  }

  /** The worker that had files open is gone. */
  release(): void {
    this.root.release();
  }

  /** What all files take. */
  get bytes(): number {
    return this.root.bytes;
  }

  /** Paths of all files. */
  paths(): string[] {
    return this.root.paths('');
  }
}

class Folder {
  readonly kind = 'directory';
  readonly name: string;
  private readonly opfs: MemoryOpfs;
  private readonly entries = new Map<string, Folder | StoredFile>();

  constructor(opfs: MemoryOpfs, name = '') {
    this.opfs = opfs;
    this.name = name;
  }

  async *keys() {
    await this.opfs.gate('keys');
    yield* [...this.entries.keys()];
  }

  async *values() {
    await this.opfs.gate('values');
    for (const { kind, name } of [...this.entries.values()]) yield this.handleOf(kind, name);
  }

  async getDirectoryHandle(name: string) {
    await this.opfs.gate('getDirectoryHandle');
    const made = this.entries.get(name) ?? new Folder(this.opfs, name);
    this.entries.set(name, made);
    return made;
  }

  async getFileHandle(name: string) {
    await this.opfs.gate('getFileHandle');
    const made = this.entries.get(name) ?? new StoredFile(this.opfs, name);
    this.entries.set(name, made);
    return this.handleOf('file', name);
  }

  /** It stands for whatever has this name when it is used. */
  private handleOf(kind: string, name: string) {
    const createSyncAccessHandle = async () => {
      await this.opfs.gate('createSyncAccessHandle');
      const file = this.entries.get(name);
      if (file instanceof StoredFile) return file.open();
      throw new DOMException('', 'NotFoundError');
    };
    const getFile = async () => {
      await this.opfs.gate('getFile');
      const file = this.entries.get(name);
      if (file instanceof StoredFile) return new Copy(file.content.slice());
      throw new DOMException('', 'NotFoundError');
    };
    return { kind, name, createSyncAccessHandle, getFile };
  }

  async removeEntry(name: string) {
    await this.opfs.gate('removeEntry');
    const entry = this.entries.get(name);
    if (!entry) throw new DOMException('', 'NotFoundError');
    if (entry.isOpen) throw new DOMException('', 'NoModificationAllowedError');
    this.entries.delete(name);
  }

  get isOpen(): boolean {
    return [...this.entries.values()].some((entry) => entry.isOpen);
  }

  release(): void {
    for (const entry of this.entries.values()) entry.release();
  }

  get bytes(): number {
    return [...this.entries.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  paths(above: string): string[] {
    return [...this.entries].flatMap(([name, entry]) => entry.paths(`${above}/${name}`));
  }
}

/** As much of a `File` as `Reader` needs. */
class Copy {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get size(): number {
    return this.bytes.length;
  }

  slice(from: number, to: number): Copy {
    return new Copy(this.bytes.slice(from, to));
  }
}

/** `FileReaderSync`. */
class Reader {
  readAsArrayBuffer({ bytes }: Copy) {
    return bytes.buffer;
  }
}

class StoredFile {
  readonly kind = 'file';
  readonly name: string;
  content = new Uint8Array();
  private readonly opfs: MemoryOpfs;
  private holder: object | undefined;

  constructor(opfs: MemoryOpfs, name: string) {
    this.opfs = opfs;
    this.name = name;
  }

  get isOpen(): boolean {
    return this.holder !== undefined;
  }

  release(): void {
    this.holder = undefined;
  }

  get bytes(): number {
    return this.content.length;
  }

  paths(path: string): string[] {
    return [path];
  }

  open(): SyncAccessHandle {
    if (this.holder) throw new DOMException('', 'NoModificationAllowedError');
    const holder = {};
    this.holder = holder;
    const call = (name: string) => {
      if (this.holder !== holder) throw new DOMException('', 'InvalidStateError');
      this.opfs.gate(name);
    };
    return {
      close: () => {
        if (this.holder === holder) this.holder = undefined;
      },
      flush: () => call('flush'),
      getSize: () => this.content.length,
      read: (into, { at }) => {
        const part = this.content.subarray(at, at + into.length);
        into.set(part);
        return part.length;
      },
      truncate: (length) => {
        call('truncate');
        this.resize(length);
      },
      write: (from, { at }) => {
        call('write');
        if (this.content.length < at + from.length) this.resize(at + from.length);
        this.content.set(from, at);
        return from.length;
      },
    };
  }

  private resize(length: number): void {
    const content = new Uint8Array(length);
    content.set(this.content.subarray(0, length));
    this.content = content;
  }
}
