// Runs the checks in a dedicated worker and posts the results.
import { openRung } from '/dist/ladder.js';
import { requestLock } from '/dist/locks.js';
import { OrderedStorage } from '/dist/storage.js';
import { runChecks } from './checks.mjs';

// A failed assertion is told by the check whose it is.
self.onerror = () => true;
self.onmessage = async ({ data }) => {
  const load = async (number) => {
    const module = await import(`${data.module}?${number}`);
    await module.default();
    return module;
  };
  const notes = [];
  const onBegun = (begun) => postMessage({ begun });
  const place = { ...data.place, onBegun, onFull: (note) => notes.push(`full after ${note}`) };
  // On a lower rung the ladder finds nothing above.
  if (place.kind !== 'opfs') delete globalThis.FileSystemSyncAccessHandle;
  const platform = () => ({ storage: new OrderedStorage(openRung), requestLock });
  postMessage({ results: await runChecks(load, place, platform), notes });
};
