// Where tests of storage run: every browser, on every rung of the storage ladder that it can have.
import { browserNames } from '../drivers/index.mjs';

/** WebKitGTK has no OPFS. */
const RUNGS = {
  chromium: ['opfs', 'indexeddb'],
  firefox: ['opfs', 'indexeddb'],
  webkit: ['indexeddb'],
};

/** `{ name, rung, where }`: a browser, a rung, and both in words. */
export const places = browserNames.flatMap((name) =>
  RUNGS[name].map((rung) => ({ name, rung, where: `${name} on ${rung}` })),
);
