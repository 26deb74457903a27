// One browser of each name for all the places of a test file. Each place has an origin of its own,
// and so a storage of its own.
import { after } from 'node:test';
import { launch } from '../drivers/index.mjs';
import { temporaryFolder } from './folder.mjs';

const started = new Map();

/** Starts the browser, unless that was done; it ends with the file. */
export function sharedBrowser(name) {
  if (!started.has(name)) started.set(name, start(name));
  return started.get(name);
}

async function start(name) {
  const browser = await launch(name, { profileDir: `${temporaryFolder()}/profile` });
  // WebKit ends with its last page.
  if (name === 'webkit') await browser.newPage();
  return browser;
}

after(async () => {
  for (const browser of started.values()) await (await browser).close();
});
