// Where tests of storage run: every browser, on every rung of the storage ladder that it can have.
import { browserNames } from '../drivers/index.mjs';

/** WebKitGTK has no OPFS. */
const RUNGS = {
  chromium: ['opfs', 'indexeddb'],
  firefox: ['opfs', 'indexeddb'],
  webkit: ['indexeddb'],
};

const place = (name, rung) => ({ name, rung, where: `${name} on ${rung}` });

/** `{ name, rung, where }`: a browser, a rung, and both in words. */
export const places = browserNames.flatMap((name) => RUNGS[name].map((rung) => place(name, rung)));

/** Each browser on the first rung it has. */
export const firstPlaces = browserNames.map((name) => place(name, RUNGS[name][0]));

/** The last rung, in one browser. */
export const inMemory = place(browserNames.at(-1), 'memory');
