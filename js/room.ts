// What the browser says of the room that this site has for its data.

/** In bytes; null where the browser does not say. */
export interface Room {
  /** What the site uses, with everything that is not Holm's. An estimate. */
  readonly usage: number | null;
  /** What it may use. An estimate. */
  readonly quota: number | null;
  /** Whether its data stays when the device gets short of space; else it may be removed. */
  readonly persisted: boolean | null;
}

export const UNKNOWN: Room = { usage: null, quota: null, persisted: null };

// Not there in older browsers, on servers, and on pages without HTTPS.
const storage = () => globalThis.navigator?.storage as Partial<StorageManager> | undefined;

/** Asks. It takes a while, and never fails. */
export async function askRoom(): Promise<Room> {
  try {
    const answers = [storage()?.estimate?.(), storage()?.persisted?.()] as const;
    const [estimate, persisted = null] = await Promise.all(answers);
    return { usage: estimate?.usage ?? null, quota: estimate?.quota ?? null, persisted };
  } catch {
    return UNKNOWN;
  }
}

/** Asks the browser to keep the data; whether it will. */
export async function askToPersist(): Promise<boolean> {
  return (await storage()?.persist?.()) ?? false;
}
