// Sources of the rungs with a planted bug each (docs/PLANTED.md): the checks must catch it. A plant
// is an edit of the text, so that nothing of it is in what ships.
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { indexedDbChecks, type Modules } from './indexeddb-checks.ts';
import { freshBrowser, ladderChecks } from './ladder-checks.ts';

const checks = { ...indexedDbChecks, ...ladderChecks };

interface Plant {
  readonly file: string;
  /** Each text is in the file once, and replaced. */
  readonly edits: readonly (readonly [from: string, to: string])[];
  readonly caughtBy: string;
}

const CUT = '    if (cutFrom < Number.POSITIVE_INFINITY) chunks.delete(keysOf(name, cutFrom));\n';
const AFTER_PUTS = 'chunks.put(file.content(index), [name, index]);\n    }\n';

const PLANTS: Record<string, Plant> = {
  indexeddb_owner_ignored: {
    file: 'indexeddb.ts',
    edits: [['owner.result !== this.#owner', 'owner.error']],
    caughtBy: 'whoever had the database before can flush nothing',
  },
  indexeddb_flush_before_complete: {
    file: 'indexeddb-connection.ts',
    edits: [
      [
        'transaction.oncomplete = () => {',
        "transaction.objectStore('meta').get('home').onsuccess = () => {",
      ],
    ],
    caughtBy: 'a flush whose transaction is aborted at its end fails',
  },
  indexeddb_cut_after_puts: {
    file: 'indexeddb.ts',
    edits: [
      [CUT, ''],
      [AFTER_PUTS, AFTER_PUTS + CUT],
    ],
    caughtBy: 'a file that was cut and has grown again is as it was written',
  },
  indexeddb_failed_changes_forgotten: {
    file: 'indexeddb.ts',
    edits: [['      putBack(this.#mirror, changes);\n', '']],
    caughtBy: 'a full storage fails the flush, and nothing is forgotten',
  },
  indexeddb_hiccup_is_refusal: {
    file: 'indexeddb.ts',
    edits: [['return true;\n      throw busy();', 'return true;\n      return false;']],
    caughtBy: 'a hiccup of IndexedDB is no reason for memory',
  },
  indexeddb_waits_for_ever: {
    file: 'indexeddb-connection.ts',
    edits: [['seconds < TRANSACTION_S', 'seconds']],
    caughtBy: 'a transaction that never ends fails the flush',
  },
  opfs_hiccup_is_refusal: {
    file: 'opfs.ts',
    edits: [['refusals.includes(nameOf(thrown))', 'thrown']],
    caughtBy: 'a hiccup of OPFS is no reason for another rung',
  },
  opfs_held_left_out: {
    file: 'opfs.ts',
    edits: [
      ['around ? openAround : openAlone', 'openAlone'],
      ['if (!failure)', 'if (!failure || around)'],
    ],
    caughtBy: 'files that another one holds are read as they are, if that is asked for',
  },
  move_switched_first: {
    file: 'move.ts',
    edits: [
      ["    await from.moveTo('opfs');\n", ''],
      [
        '    for (const { name, handle } of files)',
        "    await from.moveTo('opfs');\n    for (const { name, handle } of files)",
      ],
    ],
    caughtBy: 'a rung that has lost the database is told from a new one',
  },
  move_leftovers_kept: {
    file: 'move.ts',
    edits: [['    await to.clear(database);\n', '']],
    caughtBy: 'a move that is cut off anywhere leaves one whole home',
  },
  move_takes_others_files: {
    file: 'opfs.ts',
    edits: [
      [
        '    if (handle.getSize() === 0)',
        '    handle.truncate(0);\n    if (handle.getSize() === 0)',
      ],
    ],
    caughtBy: 'a move that goes on after another one harms nothing',
  },
  move_owner_ignored: {
    file: 'indexeddb.ts',
    edits: [
      ['await this.#write(({ meta }) => meta.put(home, HOME));', 'await this.setHome(home);'],
    ],
    caughtBy: 'a move that was overtaken does not switch',
  },
  ladder_home_ignored: {
    file: 'ladder.ts',
    edits: [['newer(above, under) ??', 'above ??']],
    caughtBy: 'a higher rung that is missing is not replaced by an empty lower one',
  },
};

const SOURCES = join(import.meta.dirname, '..');
const FOLDER = join(SOURCES, '../target/planted-js');

async function plant(name: string, { file, edits }: Plant): Promise<Modules> {
  const folder = join(FOLDER, name);
  cpSync(SOURCES, folder, { recursive: true, filter: (path) => !path.includes('tests') });
  let text = readFileSync(join(folder, file), 'utf8');
  for (const [from, to] of edits) {
    expect(text.split(from), `${from} is once in ${file}`).toHaveLength(2);
    text = text.replace(from, to);
  }
  writeFileSync(join(folder, file), text);
  const load = (module: string) => import(pathToFileURL(join(folder, module)).href);
  return { ...(await load('indexeddb.ts')), ...(await load('ladder.ts')) };
}

/** Longer than any check takes. */
const CHECK_MS = 6_000;

/** The first check that fails or does not end. What runs after one that does not means nothing. */
async function caught(modules: Modules): Promise<string | undefined> {
  for (const [name, check] of Object.entries(checks)) {
    freshBrowser();
    const late = new Promise((_, fail) => setTimeout(fail, CHECK_MS, new Error('it does not end')));
    try {
      await Promise.race([check(modules), late]);
    } catch {
      return name;
    }
  }
  return undefined;
}

afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

describe('a planted bug is caught', () => {
  it('and only that: without one no check fails', async () => {
    const nothing = { file: 'ladder.ts', edits: [], caughtBy: '' };
    expect(await caught(await plant('none', nothing))).toBeUndefined();
  });

  for (const [name, bug] of Object.entries(PLANTS)) {
    it(name, async () => {
      expect(await caught(await plant(name, bug))).toBe(bug.caughtBy);
    });
  }
});
