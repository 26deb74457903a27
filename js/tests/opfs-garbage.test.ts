// Handles of OPFS that are garbage before they have answered, with a folder that stands in for it.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { Folders } from '../opfs.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** As in Chromium: what is asked of a handle is never answered once that is collected. */
class ForgetfulFile {
  createSyncAccessHandle(): Promise<unknown> {
    const file = new WeakRef(this);
    return new Promise((resolve) => {
      setTimeout(() => {
        collectGarbage();
        if (file.deref()) resolve({ getSize: () => 0 });
      }, 1);
    });
  }
}

const folder = {
  getDirectoryHandle: async () => folder,
  getFileHandle: async () => new ForgetfulFile(),
  async *values() {},
};

test('a file is made though garbage is collected meanwhile', async () => {
  const folders = new Folders(folder as unknown as FileSystemDirectoryHandle);
  await folders.home('films');
  const { name } = await folders.make('log-1');
  expect(name).toBe('log-1');
}, 2_000);
