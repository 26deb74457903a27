// One interface over three browsers, for tests that behave as a person does.
//
//   const browser = await launch(name, { profileDir });   'chromium' | 'firefox' | 'webkit'
//   const page = await browser.newPage();
//   await page.goto(url);               also reload() and back()
//   await page.evaluate(fn, ...args);   runs in the page; a promise is awaited; JSON in and out
//   await page.waitFor(fn, { args, timeoutMs, what });    until fn returns something truthy: that
//   await page.click(selector);         also type(selector, text), fill(selector, text),
//                                       select(selector, value), press(key)
//   await page.screenshot(path, { width, height });
//   page.log                            console lines and uncaught errors (empty in WebKit)
//   await page.close();
//   await browser.killProcess();        SIGKILL to the whole process group: a crash
//   await browser.close();
//
// HOLM_CHROMIUM, HOLM_FIREFOX and HOLM_WEBKIT hold the programs' paths; `npm test` sets them.
// WebKit here is WebKitGTK over plain WebDriver. It is not Safari, it has no OPFS, and each of its
// profiles lives as long as its process.
import { findBrowser } from '../../../scripts/parts/needs.mjs';
import { launchWithPuppeteer } from './puppeteer.mjs';
import { launchWebKit } from './webkit.mjs';

const NAMES = ['chromium', 'firefox', 'webkit'];

/** The browsers these tests are to run in: HOLM_BROWSERS, or all. */
export const browserNames = (process.env.HOLM_BROWSERS ?? NAMES.join(',')).split(',');

/**
 * Starts a browser on a profile folder, which is made when it is not there. Without one the profile
 * is temporary. `quotaBytes` is what each site may store (not in WebKit).
 */
export async function launch(name, { profileDir, quotaBytes } = {}) {
  if (!NAMES.includes(name)) throw new Error(`no such browser: ${name}`);
  const program = findBrowser(name);
  if (program === null) throw new Error(`${name} is not on this machine: run npm test --install`);
  if (name === 'webkit') return launchWebKit({ program });
  return launchWithPuppeteer(name, { program, profileDir, quotaBytes });
}
