// Databases over the files of the operating system: what is saved outlives a killed process, and
// one process at a time has a database. HOLM_RUNTIME runs the other process: `deno run -A`, `bun`.
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderOfFiles, type Fs } from '../files.ts';
import { createDatabase, defineSchema, removeDatabase, t } from './built.ts';

const schema = defineSchema({
  version: 1,
  collections: { marks: { n: t.int(), k: t.int(), text: t.string() } },
});
/** As js/tests/writer.mjs writes them. */
const EACH = 3;
const KILLS = 8;

const root = fs.mkdtempSync(join(tmpdir(), 'holm-files-'));
let count = 0;
let directory: string;
const children = new Set<ChildProcess>();

beforeEach(() => {
  count += 1;
  // It is made when it is needed.
  directory = join(root, `${count}`, 'data');
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
});
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

const open = () => createDatabase({ name: 'marks', schema, directory });

/** A process that writes, from a number on. */
class Writer {
  readonly started = new Set<number>();
  readonly saved = new Set<number>();
  readonly lines: string[] = [];
  private readonly child: ChildProcess;
  private waiting: (() => void)[] = [];

  constructor(first: number) {
    const script = new URL('./writer.mjs', import.meta.url).pathname;
    const [program = '', ...options] = (process.env.HOLM_RUNTIME ?? process.execPath).split(' ');
    this.child = spawn(program, [...options, script, directory, `${first}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.add(this.child);
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.lines.push(line);
      const [, word, n] = /^(started|saved) (\d+)$/.exec(line) ?? [];
      if (word) this[word as 'started' | 'saved'].add(Number(n));
      for (const wake of this.waiting) wake();
    });
  }

  /** Waits until it has said so much. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        this.waiting = [resolve];
      });
    }
  }

  async kill(): Promise<void> {
    const closed = new Promise((resolve) => this.child.once('close', resolve));
    this.child.kill('SIGKILL');
    await closed;
    children.delete(this.child);
  }
}

/** The numbers of the writes that are there; each must be whole. */
async function whole(): Promise<Set<number>> {
  const db = await open();
  expect(db.status.storage.state).toBe('ok');
  const counts = new Map<number, number>();
  for (const { n } of await db.query.marks.get()) counts.set(n, (counts.get(n) ?? 0) + 1);
  await db.close();
  expect([...counts].filter(([, count]) => count !== EACH)).toEqual([]);
  return new Set(counts.keys());
}

describe('a database over files', () => {
  it('is there when it is opened again, and says what it is on', async () => {
    const db = await open();
    expect(db.status.storage).toMatchObject({ kind: 'files', durable: true, state: 'ok' });
    await db.mutate.marks.insert({ id: 'a', n: 1, k: 0, text: '' }).saved;
    await db.close();
    const again = await open();
    expect(await again.query.marks.get()).toMatchObject([{ id: 'a', n: 1 }]);
    await again.close();
    expect(fs.readdirSync(directory)).toEqual(['db-marks']);
  });

  it(`loses nothing that was saved when its process is killed, ${KILLS} times`, {
    timeout: 120_000,
  }, async () => {
    const saved = new Set<number>();
    const started = new Set<number>();
    let inFlight = 0;
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const writer = new Writer(started.size > 0 ? Math.max(...started) + 1 : 1);
      const enough = 1 + Math.floor(Math.random() * 80);
      await writer.until(() => writer.saved.size >= enough);
      await writer.kill();
      for (const n of writer.started) started.add(n);
      for (const n of writer.saved) saved.add(n);
      if (writer.started.size > writer.saved.size) inFlight += 1;
      const there = await whole();
      expect([...saved].filter((n) => !there.has(n))).toEqual([]);
      expect([...there].filter((n) => !started.has(n))).toEqual([]);
    }
    expect(inFlight).toBeGreaterThan(0);
  });

  it('is open in one process at a time, and free at once when that is killed', async () => {
    const writer = new Writer(1);
    await writer.until(() => writer.saved.size > 3);
    await expect(open()).rejects.toMatchObject({ code: 'database_in_use', retryable: true });
    // By another name of the same folder too.
    fs.symlinkSync(directory, join(root, 'alias'));
    const alias = createDatabase({ name: 'marks', schema, directory: join(root, 'alias') });
    await expect(alias).rejects.toMatchObject({ code: 'database_in_use' });
    await expect(removeDatabase('marks', { directory })).rejects.toMatchObject({
      code: 'database_in_use',
    });
    await writer.kill();
    const db = await open();
    const late = new Writer(1_000);
    await late.until(() => late.lines.length > 0);
    expect(late.lines[0]).toMatch(/^refused database_in_use: Another process/);
    const second = open();
    await expect(second).rejects.toMatchObject({ code: 'database_in_use' });
    await db.close();
    await (await open()).close();
  });

  it('is removed with everything in it', async () => {
    const db = await open();
    await db.mutate.marks.insert({ id: 'a', n: 1, k: 0, text: '' }).saved;
    await db.close();
    await removeDatabase('marks', { directory });
    expect(fs.readdirSync(directory)).toEqual([]);
    await removeDatabase('marks', { directory });
    const again = await open();
    expect(await again.query.marks.get()).toEqual([]);
    await again.close();
  });

  it('cannot be made where there is no room for a folder', async () => {
    fs.mkdirSync(join(root, `${count}`));
    fs.writeFileSync(directory, 'a file');
    await expect(open()).rejects.toMatchObject({ name: 'HolmError' });
  });
});

describe('a file', () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const system = fs as unknown as Fs;
  const failing = (code: string) => () => {
    throw Object.assign(new Error(code), { code });
  };

  async function madeWith(overrides: object) {
    const folder = new FolderOfFiles({ ...system, ...overrides }, directory, 'x');
    return (await folder.make('a')).handle;
  }

  it('is read and written whole where the system does a part at a time', async () => {
    const part = (call: 'readSync' | 'writeSync') =>
      ((file: number, bytes: Uint8Array, from: number, length: number, at: number) =>
        system[call](file, bytes, from, Math.min(3, length), at)) as never;
    const handle = await madeWith({ readSync: part('readSync'), writeSync: part('writeSync') });
    expect(handle.write(bytes, { at: 2 })).toBe(8);
    const into = new Uint8Array(20);
    expect(handle.read(into, { at: 0 })).toBe(10);
    expect([...into.subarray(0, 10)]).toEqual([0, 0, ...bytes]);
    handle.close();
  });

  it('says that the disk is full, and what else is wrong', async () => {
    for (const [code, name] of [
      ['ENOSPC', 'QuotaExceededError'],
      ['EDQUOT', 'QuotaExceededError'],
      ['EBUSY', 'NoModificationAllowedError'],
      ['EIO', 'Error'],
    ] as const) {
      fs.rmSync(directory, { recursive: true, force: true });
      const handle = await madeWith({ writeSync: failing(code), fsyncSync: fs.fsyncSync });
      expect(() => handle.write(bytes, { at: 0 })).toThrow(expect.objectContaining({ name }));
      handle.close();
    }
  });

  it('is there for good when it is made, and gone for good when it is removed', async () => {
    const opened = new Map<number, string>();
    const synced: string[] = [];
    const folder = new FolderOfFiles(
      {
        ...system,
        openSync(path, flags) {
          const file = fs.openSync(path, flags);
          opened.set(file, path);
          return file;
        },
        fsyncSync(file) {
          fs.fsyncSync(file);
          synced.push(opened.get(file) ?? '');
        },
      },
      directory,
      'x',
    );
    const path = join(directory, 'db-x');
    const above = synced.splice(0);
    expect([above.slice(0, 4), above.at(-1)]).toEqual([
      [directory, dirname(directory), root, dirname(root)],
      '/',
    ]);
    const { handle } = await folder.make('a');
    expect(synced.splice(0)).toEqual([path]);
    handle.flush();
    expect(synced.splice(0)).toEqual([join(path, 'a')]);
    handle.close();
    await folder.remove('a');
    expect(synced).toEqual([path]);
    await folder.remove('never made');
  });

  it('that a crash left is listed, and one that is there is not made again', async () => {
    const handle = await madeWith({});
    handle.write(bytes, { at: 0 });
    handle.close();
    const folder = new FolderOfFiles(system, directory, 'x');
    const [found] = await folder.list();
    expect([found?.name, found?.handle.getSize()]).toEqual(['a', 8]);
    await expect(folder.make('a')).rejects.toThrow('EEXIST');
    found?.handle.close();
  });
});
