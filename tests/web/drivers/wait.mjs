// Waiting for a condition, the same way in every browser: poll, and say what was waited for when
// time is up.
const POLL_MS = 25;
const TIMEOUT_MS = 10_000;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Calls `probe` until it returns something truthy, and returns that. */
export async function until(probe, { timeoutMs = TIMEOUT_MS, what = 'a condition' } = {}) {
  const deadline = Date.now() + timeoutMs;
  let lastError = null;
  while (Date.now() < deadline) {
    try {
      const value = await probe();
      if (value) return value;
      lastError = null;
    } catch (error) {
      lastError = error;
    }
    await sleep(POLL_MS);
  }
  throw new Error(`waited ${timeoutMs} ms for ${what}`, { cause: lastError ?? undefined });
}
