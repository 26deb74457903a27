// Runs the checks in a dedicated worker and posts the results.
import { runChecks } from './checks.mjs';

self.onmessage = async ({ data }) => {
  const load = async (number) => {
    const module = await import(`${data.module}?${number}`);
    await module.default();
    return module;
  };
  const notes = [];
  const place = { ...data.place, onFull: (note) => notes.push(`full after ${note}`) };
  postMessage({ results: await runChecks(load, place), notes });
};
