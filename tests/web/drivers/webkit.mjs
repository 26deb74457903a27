// WebKitGTK's MiniBrowser over WebDriver, on a virtual screen. Its automation sessions keep nothing
// on disk.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { adoptGroup, killGroupAndWait } from './processes.mjs';
import { until } from './wait.mjs';
import { WebDriverSession } from './web-driver.mjs';

const SCREEN = '-screen 0 1600x1200x24';
const SCRIPT_TIMEOUT_MS = 120_000;
const KEYS = {
  Backspace: '\uE003',
  Tab: '\uE004',
  Enter: '\uE007',
  Escape: '\uE00C',
  Space: ' ',
  PageUp: '\uE00E',
  PageDown: '\uE00F',
  End: '\uE010',
  Home: '\uE011',
  ArrowLeft: '\uE012',
  ArrowUp: '\uE013',
  ArrowRight: '\uE014',
  ArrowDown: '\uE015',
  Delete: '\uE017',
};

export async function launchWebKit({ program }) {
  const port = await freePort();
  const args = ['-a', '-s', SCREEN, program, `--port=${port}`];
  const environment = {
    ...process.env,
    WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1',
    // Without it, and with compositing switched off, screenshots never come.
    LIBGL_ALWAYS_SOFTWARE: '1',
  };
  const child = spawn('xvfb-run', args, { detached: true, stdio: 'ignore', env: environment });
  adoptGroup(child);
  const base = `http://127.0.0.1:${port}`;
  const what = 'WebKitWebDriver to answer';
  await until(async () => (await fetch(`${base}/status`)).ok, { what });
  const options = { binary: miniBrowser(), args: ['--automation'] };
  const session = await WebDriverSession.open(base, { 'webkitgtk:browserOptions': options });
  await session.post('timeouts', { script: SCRIPT_TIMEOUT_MS, pageLoad: SCRIPT_TIMEOUT_MS });
  return new WebKitBrowser(child, session);
}

/** MiniBrowser lies in a folder named after the machine's architecture. */
function miniBrowser() {
  const paths = readdirSync('/usr/lib').map(
    (name) => `/usr/lib/${name}/webkit2gtk-4.1/MiniBrowser`,
  );
  const found = paths.find((path) => existsSync(path));
  if (!found) throw new Error('MiniBrowser is not there: install webkit2gtk-driver');
  return found;
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

class WebKitBrowser {
  name = 'webkit';
  #child;
  #session;
  #pages = 0;
  /** The end of what was asked for so far. */
  #turns = { last: Promise.resolve() };

  constructor(child, session) {
    this.#child = child;
    this.#session = session;
  }

  /**
   * The session's first window is the first page. Each later page is a window of its own: a tab
   * behind others would be hidden.
   */
  async newPage() {
    this.#pages += 1;
    // The window in front may have been closed.
    const [first] = await this.#session.get('window/handles');
    await this.#session.post('window', { handle: first });
    const handle =
      this.#pages === 1
        ? first
        : (await this.#session.post('window/new', { type: 'window' })).handle;
    return new WebKitPage(this.#session, handle, this.#turns);
  }

  async killProcess() {
    await killGroupAndWait(this.#child);
  }

  async close() {
    await this.#session.delete();
    await killGroupAndWait(this.#child);
  }
}

class WebKitPage {
  log = [];
  #session;
  #handle;
  #turns;

  constructor(session, handle, turns) {
    this.#session = session;
    this.#handle = handle;
    this.#turns = turns;
  }

  /** Commands go to the window in front: those of two pages, asked for at once, must not mix. */
  #inTurn(command) {
    const done = this.#turns.last.then(async () => command(await this.#focused()));
    this.#turns.last = done.catch(() => {});
    return done;
  }

  async #focused() {
    await this.#session.post('window', { handle: this.#handle });
    return this.#session;
  }

  async goto(url) {
    await this.#inTurn((session) => session.post('url', { url }));
  }

  async reload() {
    await this.#inTurn((session) => session.post('refresh'));
  }

  async back() {
    await this.#inTurn((session) => session.post('back'));
  }

  evaluate(fn, ...args) {
    return this.#inTurn((session) => session.evaluate(fn, ...args));
  }

  waitFor(fn, { args = [], ...options } = {}) {
    return until(() => this.evaluate(fn, ...args), options);
  }

  async click(selector) {
    const session = await this.#focused();
    await session.post(`${await session.element(selector)}/click`);
  }

  async type(selector, text) {
    const session = await this.#focused();
    await session.post(`${await session.element(selector)}/value`, { text });
  }

  async fill(selector, text) {
    const session = await this.#focused();
    await session.post(`${await session.element(selector)}/clear`);
    await this.type(selector, text);
  }

  async select(selector, value) {
    const option = `${selector} option[value=${JSON.stringify(value)}]`;
    const session = await this.#focused();
    await session.post(`${await session.element(option)}/click`);
  }

  async press(key) {
    const value = KEYS[key] ?? key;
    const steps = ['keyDown', 'keyUp'].map((type) => ({ type, value }));
    const actions = [{ type: 'key', id: 'keyboard', actions: steps }];
    await (await this.#focused()).post('actions', { actions });
  }

  /**
   * The window's frame takes room, which is measured and added. MiniBrowser is never narrower than
   * 447 pixels.
   */
  async screenshot(path, { width, height }) {
    const session = await this.#focused();
    const frame = await this.#frame(session);
    await session.post('window/rect', {
      width: width + frame.width,
      height: height + frame.height,
    });
    const view = await session.evaluate(() => [innerWidth, innerHeight]);
    if (view[0] !== width || view[1] !== height) {
      throw new Error(`the page is ${view.join('x')}, asked for ${width}x${height}`);
    }
    writeFileSync(path, Buffer.from(await session.get('screenshot'), 'base64'));
  }

  async #frame(session) {
    const outer = await session.get('window/rect');
    const [width, height] = await session.evaluate(() => [innerWidth, innerHeight]);
    return { width: outer.width - width, height: outer.height - height };
  }

  async close() {
    await (await this.#focused()).delete('window');
  }
}
