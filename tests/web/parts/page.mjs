// What tests do with the test page in any browser.

/** Long enough for a machine that also compiles, and never without an end. */
export const SOON = { timeoutMs: 30_000 };

/** Options of a test or a hook: one that takes longer hangs. */
export const TEST = { timeout: 180_000 };

/** A new tab with the test page, ready. */
export async function openPage(browser, origin) {
  const page = await browser.newPage();
  await visit(page, origin);
  return page;
}

/** Takes a tab to the test page. */
export async function visit(page, origin) {
  await page.goto(`${origin}/`);
  await ready(page);
}

export async function reloadPage(page) {
  await page.reload();
  await ready(page);
}

function ready(page) {
  return page.waitFor(() => globalThis.app !== undefined, { ...SOON, what: 'the test page' });
}

/** Opens a database there; resolves to its status and the milliseconds it took. */
export function open(page, options) {
  return page.evaluate((given) => app.open(given), options);
}

/** Waits until the database there is in step with the server: nothing to send, nothing to pull. */
export async function inStep(page) {
  await page.waitFor(
    async () => {
      await app.db.sync();
      const { sync, outbox } = app.db.status.current;
      return sync.state === 'idle' && outbox.queued + outbox.sent + outbox.accepted === 0;
    },
    { ...SOON, what: 'the database to be in step with the server' },
  );
}

/** Count and digest of a collection. */
export function contents(page, collection) {
  return page.evaluate((name) => app.contents(name), collection);
}
