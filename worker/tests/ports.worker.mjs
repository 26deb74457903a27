// Runs the checks in a dedicated worker and posts the results.
import { requestLock } from '/dist/locks.js';
import { findOpfs } from '/dist/opfs.js';
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
  const place = { ...data.place, onFull: (note) => notes.push(`full after ${note}`) };
  const platform = { opfs: await findOpfs(), requestLock };
  postMessage({ results: await runChecks(load, place, platform), notes });
};
