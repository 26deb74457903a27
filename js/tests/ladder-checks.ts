// What the storage ladder promises, also to workers that die in the middle of it. See
// indexeddb-checks.ts.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { IDBDatabase } from 'fake-indexeddb';
import type { SyncAccessHandle } from '../platform.ts';
import type { Rung } from '../rung.ts';
import {
  all,
  bytes,
  type Check,
  failsWith,
  freshIndexedDb,
  keysOf,
  type Modules,
  NAME,
  refuse,
  whileAsking,
} from './indexeddb-checks.ts';
import { MemoryOpfs } from './memory-opfs.ts';

/** The OPFS of the browser, beside its IndexedDB. */
let opfs = new MemoryOpfs();

/** A browser in which nothing was ever stored. */
export function freshBrowser(): void {
  freshIndexedDb();
  opfs = new MemoryOpfs();
  opfs.show(true);
}

type Files = Readonly<Record<string, Uint8Array>>;

/** The second one is copied in several parts. */
const FILES: Files = {
  'log-1': bytes(100_000, 1),
  'run-1': bytes(1_500_000, 2),
  'run-2': new Uint8Array(),
};
const LATER: Files = { 'log-2': bytes(1_000, 3) };

/** What tells contents apart, since comparing them takes long. */
type Prints = Readonly<Record<string, string>>;

const printed = (files: readonly (readonly [name: string, content: Uint8Array])[]): Prints =>
  Object.fromEntries(
    files.map(([name, content]) => [name, createHash('sha1').update(content).digest('hex')]),
  );

const FIRST = printed(Object.entries(FILES));
const { 'log-1': _removed, ...REST } = printed(Object.entries({ ...FILES, ...LATER }));
const BOTH = printed(Object.entries({ ...FILES, ...LATER }));

/** Opens the database as a worker does, writes these files, removes one, and closes it. */
async function write({ openRung }: Modules, files: Files, removed?: string): Promise<void> {
  const rung = await openRung(NAME);
  const opened = await rung.list();
  for (const [name, content] of Object.entries(files)) {
    const made = await rung.make(name);
    opened.push(made);
    made.handle.write(content, { at: 0 });
  }
  await rung.flush();
  for (const { handle } of opened) handle.close();
  if (removed) await rung.remove(removed);
  await rung.close();
}

/** Which rung it is on, and what is in it. */
async function read({ openRung }: Modules): Promise<{ kind: string; files: Prints }> {
  const rung = await openRung(NAME);
  const opened = await rung.list();
  const files = printed(opened.map(({ name, handle }) => [name, all(handle)]));
  for (const { handle } of opened) handle.close();
  await rung.close();
  return { kind: rung.kind, files };
}

/** A database in IndexedDB, in a browser that now has OPFS. */
async function lowDatabase(modules: Modules): Promise<void> {
  freshBrowser();
  opfs.show(false);
  await write(modules, FILES);
  opfs.show(true);
}

const AT_ONCE = ['flush', 'truncate', 'write'];

/** Opens the database in a worker that dies at its `last` call of the browser. Whether it did. */
async function dyingAt(last: number, { openRung }: Modules): Promise<boolean> {
  const { transaction } = IDBDatabase.prototype;
  let calls = 0;
  const isDead = () => calls >= last;
  const dead = new Promise<void>((resolve) => {
    const step = () => {
      calls += 1;
      if (isDead()) setTimeout(resolve, 3);
    };
    opfs.gate = (call) => {
      step();
      if (!isDead()) return;
      if (AT_ONCE.includes(call)) throw new Error('dead');
      return new Promise(() => {});
    };
    IDBDatabase.prototype.transaction = function (...args) {
      // The fake makes those of an opening in this way too.
      if (args[1] === 'versionchange') return transaction.apply(this, args);
      step();
      // Nothing else is told to a worker that is dead; this ends what it does.
      if (isDead()) throw new DOMException('', 'NoModificationAllowedError');
      return transaction.apply(this, args);
    };
  });
  const opening = openRung(NAME).then(
    () => {},
    () => dead,
  );
  await Promise.race([opening, dead]);
  if (isDead()) await dead;
  IDBDatabase.prototype.transaction = transaction;
  opfs.gate = () => {};
  opfs.release();
  return isDead();
}

const full = (call: string) => {
  if (call === 'write') throw new DOMException('', 'QuotaExceededError');
};

/** A browser whose IndexedDB is there and does not open. */
function breakIndexedDb(name = 'UnknownError'): void {
  indexedDB.open = () => {
    const request = { error: new DOMException('', name) } as IDBOpenDBRequest;
    queueMicrotask(() => request.onerror?.(new Event('error')));
    return request;
  };
}

const isBusy = failsWith('NoModificationAllowedError');
const isGone = failsWith('NotFoundError');

/** Where a database lives. */
const homes: Record<string, Check> = {
  async 'the highest rung that works gets a new database'({ openRung }) {
    assert.equal((await openRung(NAME)).kind, 'opfs');
    opfs.show(false);
    assert.equal((await openRung('other')).kind, 'indexeddb');
    Reflect.deleteProperty(globalThis, 'indexedDB');
    assert.equal((await openRung('third')).kind, 'memory');
  },

  async 'a higher rung that is missing is not replaced by an empty lower one'({ openRung }) {
    await openRung(NAME);
    opfs.show(false);
    await assert.rejects(openRung(NAME), isBusy);
  },

  async 'a hiccup of OPFS is no reason for another rung'({ openRung }) {
    for (const call of ['getDirectoryHandle', 'keys', 'getFileHandle', 'flush']) {
      freshBrowser();
      opfs.gate = (made) => {
        if (made === call) throw new DOMException('', 'UnknownError');
      };
      await assert.rejects(openRung(NAME), isBusy, call);
      opfs.gate = () => {};
      assert.equal((await openRung(NAME)).kind, 'opfs');
    }
  },

  async 'a browser that refuses OPFS has none'({ openRung }) {
    for (const name of ['SecurityError', 'NotSupportedError', 'UnknownError']) {
      freshBrowser();
      opfs.gate = (call) => {
        if (call === 'getDirectory') throw new DOMException('', name);
      };
      assert.equal((await openRung(NAME)).kind, 'indexeddb', name);
    }
  },

  async 'a hiccup of IndexedDB is no reason for memory'({ openRung }) {
    opfs.show(false);
    breakIndexedDb();
    await assert.rejects(openRung(NAME), isBusy);
    freshIndexedDb();
    const lose = () => {
      throw new DOMException('', 'InvalidStateError');
    };
    await whileAsking(['put'], lose, () => assert.rejects(openRung(NAME), isBusy));
    assert.equal((await openRung(NAME)).kind, 'indexeddb');
  },

  async 'a browser that refuses IndexedDB has none'({ openRung }) {
    opfs.show(false);
    for (const name of ['SecurityError', 'NotSupportedError', 'InvalidStateError']) {
      breakIndexedDb(name);
      assert.equal((await openRung(NAME)).kind, 'memory', name);
    }
  },

  async 'a rung that has lost the database is told from a new one'(modules) {
    await write(modules, FILES);
    opfs.empty();
    await assert.rejects(modules.openRung(NAME), isGone);
    await lowDatabase(modules);
    opfs.gate = full;
    await read(modules);
    freshIndexedDb();
    await assert.rejects(modules.openRung(NAME), isGone);
  },

  async 'an IndexedDB that does not open hides nothing'(modules) {
    breakIndexedDb();
    await assert.rejects(modules.openRung(NAME), isBusy);
    freshBrowser();
    await write(modules, FILES);
    breakIndexedDb();
    assert.equal((await read(modules)).kind, 'opfs');
  },

  async 'a new database is made whole where a worker dies'(modules) {
    for (let last = 1; ; last += 1) {
      freshBrowser();
      if (!(await dyingAt(last, modules))) break;
      assert.equal((await modules.openRung(NAME)).kind, 'opfs');
      opfs.show(false);
      await assert.rejects(modules.openRung(NAME), isBusy);
      assert.ok(last < 40, 'it never ends');
    }
  },
};

/** Moving from one rung to another. */
const moves: Record<string, Check> = {
  async 'a database moves to OPFS where that appears'(modules) {
    await lowDatabase(modules);
    assert.deepEqual(await read(modules), { kind: 'opfs', files: FIRST });
    assert.deepEqual(await keysOf('chunks'), [], 'nothing is left of it');
    await write(modules, LATER);
    breakIndexedDb();
    assert.deepEqual(await read(modules), { kind: 'opfs', files: BOTH });
    opfs.show(false);
    freshIndexedDb();
    opfs.show(true);
    assert.equal((await read(modules)).kind, 'opfs');
  },

  async 'what has moved is not looked for where it was'(modules) {
    await lowDatabase(modules);
    await read(modules);
    opfs.show(false);
    await assert.rejects(modules.openRung(NAME), isBusy);
  },

  async 'a database stays where it is as long as there is no room above'(modules) {
    await lowDatabase(modules);
    opfs.gate = full;
    assert.deepEqual(await read(modules), { kind: 'indexeddb', files: FIRST });
    assert.equal(opfs.bytes, 0, 'no room is taken for it');
    opfs.gate = () => {};
    await whileAsking(['put'], refuse, async () => {
      assert.deepEqual(await read(modules), { kind: 'indexeddb', files: FIRST });
    });
    assert.deepEqual(await read(modules), { kind: 'opfs', files: FIRST });
  },

  async 'a move that is cut off anywhere leaves one whole home'(modules) {
    for (let last = 1; ; last += 1) {
      await lowDatabase(modules);
      if (!(await dyingAt(last, modules))) {
        assert.ok(last > 25, `only ${last} calls`);
        break;
      }
      await staysWhole(modules, FIRST);
      assert.ok(last < 100, 'it never ends');
    }
  },

  async 'so does one that is cut off twice, with writes between'(modules) {
    for (let last = 2; last < 40; last += 3) {
      await lowDatabase(modules);
      await dyingAt(last, modules);
      opfs.show(false);
      // Where it has moved already it cannot be opened without OPFS.
      const isWritten = await write(modules, LATER, 'log-1').then(
        () => true,
        () => false,
      );
      opfs.show(true);
      await dyingAt(40 - last, modules);
      await staysWhole(modules, isWritten ? REST : FIRST);
    }
  },

  async 'a move that was overtaken does not switch'(modules) {
    await lowDatabase(modules);
    const { opening: overtaken, goOn } = await heldUp(2, modules);
    opfs.show(false);
    await write(modules, LATER);
    opfs.show(true);
    goOn();
    await assert.rejects(overtaken, isBusy);
    await staysWhole(modules, BOTH);
  },

  async 'a move that goes on after another one harms nothing'(modules) {
    await lowDatabase(modules);
    const { opening, goOn } = await heldUp(1, modules);
    assert.deepEqual(await read(modules), { kind: 'opfs', files: FIRST });
    opfs.gate = full;
    goOn();
    await assert.rejects(
      opening.then((rung) => rung.list()),
      isBusy,
    );
    opfs.gate = () => {};
    await staysWhole(modules, FIRST);
  },

  async 'nobody else moves what is being moved'(modules) {
    await lowDatabase(modules);
    const { opening, goOn } = await heldUp(2, modules);
    assert.deepEqual(await read(modules), { kind: 'indexeddb', files: FIRST });
    goOn();
    assert.equal((await opening).kind, 'indexeddb', 'one of its files was cleared away');
    await staysWhole(modules, FIRST);
  },

  async 'who looked before a move does not open what it has left'(modules) {
    await lowDatabase(modules);
    opfs.show(false);
    const late = await modules.openRung(NAME);
    opfs.show(true);
    await read(modules);
    await assert.rejects(late.list(), isBusy);
  },

  async 'files that another one holds are read as they are, if that is asked for'(modules) {
    await write(modules, FILES);
    const holder = await modules.openRung(NAME);
    const [held] = await holder.list();
    const rung = await modules.openRung(NAME);
    await assert.rejects(rung.list(), isBusy);
    const opened = await rung.list(true);
    assert.deepEqual(printed(opened.map(({ name, handle }) => [name, all(handle)])), FIRST);
    const [first] = opened;
    assert.throws(() => first?.handle.write(bytes(9, 9), { at: 0 }), isBusy);
    assert.throws(() => first?.handle.truncate(0), isBusy);
    assert.equal(first?.handle.read(new Uint8Array(9), { at: 99_995 }), 5);
    assert.equal(first?.handle.read(new Uint8Array(9), { at: 999_999 }), 0);
    const made = await rung.make('log-2');
    assert.equal(made.handle.write(bytes(9, 9), { at: 0 }), 9);
    await rung.remove('log-1');
    assert.equal(held?.handle.getSize(), 100_000);
    opfs.release();
    const { files } = await read(modules);
    assert.deepEqual(Object.keys(files), ['log-1', 'log-2', 'run-1', 'run-2']);
  },
};

/** An opening that is held up in its move, before it opens its `nth` copy. */
async function heldUp(nth: number, { openRung }: Modules) {
  // The first handle is that of the probe.
  let handlesLeft = nth + 1;
  let goOn = () => {};
  let opening = new Promise<Rung>(() => {});
  await new Promise<void>((held) => {
    opfs.gate = (call) => {
      if (call !== 'createSyncAccessHandle' || --handlesLeft > 0) return;
      opfs.gate = () => {};
      held();
      return new Promise((end) => {
        goOn = end;
      });
    };
    opening = openRung(NAME);
  });
  return { opening, goOn: () => goOn() };
}

async function staysWhole(modules: Modules, files: Prints): Promise<void> {
  for (let opening = 0; opening < 2; opening += 1) {
    assert.deepEqual(await read(modules), { kind: 'opfs', files });
  }
  assert.deepEqual(await keysOf('chunks'), []);
}

/** Removing a database. */
const removals: Record<string, Check> = {
  async 'a database that is removed is gone from every rung, and a new one is empty'(modules) {
    const { removeRungs } = modules;
    for (const isLow of [true, false]) {
      freshBrowser();
      opfs.show(!isLow);
      await write(modules, FILES);
      await removeRungs(NAME);
      assert.deepEqual(opfs.paths(), []);
      opfs.show(true);
      assert.deepEqual(await read(modules), { kind: 'opfs', files: {} });
    }
    await removeRungs('never made');
  },

  async 'one whose rung was emptied begins anew after it'(modules) {
    await write(modules, FILES);
    opfs.empty();
    await assert.rejects(modules.openRung(NAME), isGone);
    await modules.removeRungs(NAME);
    assert.deepEqual(await read(modules), { kind: 'opfs', files: {} });
  },

  async 'what cannot be reached is not removed'(modules) {
    await write(modules, FILES);
    opfs.show(false);
    await assert.rejects(modules.removeRungs(NAME), isBusy);
    opfs.show(true);
    breakIndexedDb();
    await assert.rejects(modules.removeRungs(NAME), isBusy);
    assert.deepEqual(await read(modules), { kind: 'opfs', files: FIRST });
  },

  async 'files that are open are not removed'(modules) {
    await write(modules, FILES);
    const rung = await modules.openRung(NAME);
    const opened = await rung.list();
    await assert.rejects(modules.removeRungs(NAME), isBusy);
    for (const { handle } of opened as { handle: SyncAccessHandle }[]) handle.close();
    assert.deepEqual((await read(modules)).files, FIRST);
  },
};

export const ladderChecks: Record<string, Check> = { ...homes, ...moves, ...removals };
