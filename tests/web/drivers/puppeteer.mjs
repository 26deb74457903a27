// Chromium over its own protocol and Firefox over WebDriver BiDi, both through puppeteer-core.
import puppeteer from 'puppeteer-core';
import { adoptGroup, killGroupAndWait } from './processes.mjs';
import { until } from './wait.mjs';

const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
];

export async function launchWithPuppeteer(name, { program, profileDir, quotaBytes }) {
  const limit = 'dom.quotaManager.temporaryStorage.fixedLimit';
  const browser = await puppeteer.launch({
    browser: name === 'firefox' ? 'firefox' : 'chrome',
    executablePath: program,
    headless: true,
    args: name === 'chromium' ? CHROMIUM_ARGS : [],
    ...(profileDir ? { userDataDir: profileDir } : {}),
    ...(quotaBytes ? { extraPrefsFirefox: { [limit]: quotaBytes >> 10 } } : {}),
    protocolTimeout: 120_000,
  });
  adoptGroup(browser.process());
  return new PuppeteerBrowser(name, browser, quotaBytes);
}

class PuppeteerBrowser {
  #browser;
  #quotaBytes;

  constructor(name, browser, quotaBytes) {
    this.name = name;
    this.#browser = browser;
    this.#quotaBytes = quotaBytes;
  }

  async newPage() {
    const page = await this.#browser.newPage();
    return new PuppeteerPage(page, this.name === 'chromium' ? this.#quotaBytes : undefined);
  }

  async killProcess() {
    await killGroupAndWait(this.#browser.process());
  }

  async close() {
    const child = this.#browser.process();
    await this.#browser.close();
    await killGroupAndWait(child);
  }
}

class PuppeteerPage {
  #page;
  #quotaBytes;

  /** Chromium is told the quota for an origin. */
  constructor(page, quotaBytes) {
    this.#page = page;
    this.#quotaBytes = quotaBytes;
    this.log = [];
    page.on('console', (message) => this.log.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => this.log.push(`uncaught: ${error.message}`));
  }

  async goto(url) {
    if (this.#quotaBytes) {
      const session = await this.#page.createCDPSession();
      const { origin } = new URL(url);
      const quotaSize = this.#quotaBytes;
      await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize });
    }
    await this.#page.goto(url, { waitUntil: 'load' });
  }

  async reload() {
    await this.#page.reload({ waitUntil: 'load' });
  }

  async back() {
    await this.#page.goBack({ waitUntil: 'load' });
  }

  evaluate(fn, ...args) {
    return this.#page.evaluate(fn, ...args);
  }

  waitFor(fn, { args = [], ...options } = {}) {
    return until(() => this.evaluate(fn, ...args), options);
  }

  async click(selector) {
    await this.#page.click(selector);
  }

  async type(selector, text) {
    await this.#page.type(selector, text);
  }

  async fill(selector, text) {
    await this.#page.evaluate((wanted) => document.querySelector(wanted).select(), selector);
    await this.press('Backspace');
    await this.type(selector, text);
  }

  async select(selector, value) {
    await this.#page.select(selector, value);
  }

  async press(key) {
    await this.#page.keyboard.press(key);
  }

  async screenshot(path, { width, height }) {
    await this.#page.setViewport({ width, height });
    await this.#page.screenshot({ path });
  }

  async close() {
    await this.#page.close();
  }
}
