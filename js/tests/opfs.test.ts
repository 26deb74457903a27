import { afterEach, describe, expect, it, vi } from 'vitest';
import { findOpfs, folderName } from '../opfs.ts';

afterEach(() => vi.unstubAllGlobals());

/** A browser whose OPFS holds `entries`, and whose files do what `file` says. */
function browserWith({ entries = [] as string[], refuse = '', file = {} }) {
  let stored = new Uint8Array();
  const removed: string[] = [];
  const handle = {
    truncate: () => {},
    write: (from: Uint8Array) => {
      stored = from.slice();
      return from.length;
    },
    flush: () => {},
    read: (into: Uint8Array) => {
      into.set(stored);
      return stored.length;
    },
    close: () => {},
    ...file,
  };
  const folder = {
    keys: async function* () {
      yield* entries;
    },
    getDirectoryHandle: async () => folder,
    getFileHandle: async () => ({ createSyncAccessHandle: async () => handle }),
    removeEntry: async (name: string) => removed.push(name),
  };
  vi.stubGlobal('FileSystemSyncAccessHandle', class {});
  vi.stubGlobal('navigator', {
    storage: {
      getDirectory: async () => {
        if (refuse) throw new DOMException('no', refuse);
        return folder;
      },
    },
    locks: { request: (_name: string, held: () => unknown) => held() },
  });
  return { removed };
}

const fails = (name: string) => () => {
  throw new DOMException('no', name);
};

describe('OPFS is', () => {
  it('used where what is written can be read back, and leaves no trace', async () => {
    const { removed } = browserWith({});
    expect(await findOpfs()).toBeDefined();
    expect(removed).toEqual(['.probe']);
  });

  it('not used where the browser lacks or refuses it', async () => {
    expect(await findOpfs()).toBeUndefined();
    browserWith({ refuse: 'SecurityError' });
    expect(await findOpfs()).toBeUndefined();
  });

  it('not used where what is read is not what was written', async () => {
    browserWith({ file: { read: () => 4 } });
    expect(await findOpfs()).toBeUndefined();
    browserWith({ file: { write: () => 3 } });
    expect(await findOpfs()).toBeUndefined();
  });

  it('busy where it fails in a way that may pass', async () => {
    browserWith({ file: { flush: fails('UnknownError') } });
    await expect(findOpfs()).rejects.toMatchObject({ name: 'NoModificationAllowedError' });
  });

  it('there, though busy or full', async () => {
    for (const name of ['QuotaExceededError', 'NoModificationAllowedError']) {
      browserWith({ file: { write: fails(name) } });
      expect(await findOpfs(), name).toBeDefined();
    }
  });

  it('not written to where a database is already', async () => {
    const { removed } = browserWith({
      entries: ['.probe', 'db-films'],
      file: { write: fails('UnknownError') },
    });
    expect(await findOpfs()).toBeDefined();
    expect(removed).toEqual([]);
  });
});

it('folder names are safe and distinct', () => {
  const names = ['films-2_b', 'Films', '../a b', '~46ilms', 'caf\u00e9', ''].map(folderName);
  expect(names).toEqual([
    'db-films-2_b',
    'db-~46ilms',
    'db-~2e~2e~2fa~20b',
    'db-~7e46ilms',
    'db-caf~c3~a9',
    'db-',
  ]);
});
