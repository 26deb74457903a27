// A device: a browser with a profile of its own, and one database in a page of it.

import { launch } from '../drivers/index.mjs';
import { until } from '../drivers/wait.mjs';
import { temporaryFolder } from './folder.mjs';
import { contents, inStep, open, openPage, SOON } from './page.mjs';

export class Device {
  #origin;
  #options;
  #profileDir = `${temporaryFolder()}/profile`;

  constructor(name, { origin, ...options }) {
    this.name = name;
    this.#origin = origin;
    this.#options = options;
  }

  /** Starts the browser and opens the database; it need not reach the server. */
  static async start(name, options) {
    const device = new Device(name, options);
    await device.restart();
    return device;
  }

  /** Starts the browser again, on what the last one left. */
  async restart() {
    this.browser = await launch('chromium', { profileDir: this.#profileDir });
    this.page = await openPage(this.browser, this.#origin);
    await open(this.page, this.#options);
  }

  run(fn, ...args) {
    return this.page.evaluate(fn, ...args);
  }

  inStep() {
    return inStep(this.page);
  }

  close() {
    return this.browser?.close();
  }
}

/** Waits until every device is in step with the server and all show the same; returns that. */
export async function inAgreement(devices, collection) {
  for (const device of devices) await device.inStep();
  // What the last one sent is still to be pulled by the first.
  return until(
    async () => {
      const [first, ...others] = await Promise.all(
        devices.map(({ page }) => contents(page, collection)),
      );
      return others.every(({ digest }) => digest === first.digest) && first;
    },
    { ...SOON, what: `the devices to have the same ${collection}` },
  );
}
