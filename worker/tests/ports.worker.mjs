// Runs the checks in a dedicated worker and posts the results.
import { runChecks } from './checks.mjs';

onmessage = async ({ data }) => {
  const module = await import(data.module);
  await module.default();
  const notes = [];
  const place = { ...data.place, onFull: (note) => notes.push(`full after ${note}`) };
  postMessage({ results: await runChecks(module, place), notes });
};
