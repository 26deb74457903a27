// Opens the database for as long as the page shows it, and closes it after.
import { createDatabase, HolmError } from 'holm';
import { useCallback, useEffect, useState } from 'react';
import { type FilmsDatabase, schema } from './schema.ts';
import { settings } from './settings.ts';

/** How opening went. */
export type Opening =
  | { readonly step: 'opening' }
  | { readonly step: 'open'; readonly db: FilmsDatabase }
  | { readonly step: 'failed'; readonly error: HolmError };

/** See the head of the file; the function tries again after a failure. */
export function useOpening(): readonly [Opening, () => void] {
  const [opening, setOpening] = useState<Opening>({ step: 'opening' });
  const [attempt, setAttempt] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each attempt opens anew
  useEffect(() => {
    let isCurrent = true;
    const opened = open();
    opened.then(
      (db) => isCurrent && setOpening({ step: 'open', db: inConsole(db) }),
      (error) => isCurrent && setOpening({ step: 'failed', error: asHolmError(error) }),
    );
    return () => {
      isCurrent = false;
      opened.then((db) => db.close()).catch(() => {});
    };
  }, [attempt]);
  const retry = useCallback(() => {
    setOpening({ step: 'opening' });
    setAttempt((count) => count + 1);
  }, []);
  return [opening, retry];
}

/** Lets people try queries and writes: the database is `db` in the console. */
function inConsole(db: FilmsDatabase): FilmsDatabase {
  Object.assign(globalThis, { db });
  return db;
}

function open(): Promise<FilmsDatabase> {
  const { database, server, space, token, syncs } = settings;
  return createDatabase({
    name: database,
    schema,
    ...(syncs && { sync: { url: server, space, token: () => token } }),
  });
}

/** Anything thrown, as an error with a code. */
export function asHolmError(thrown: unknown): HolmError {
  if (thrown instanceof HolmError) return thrown;
  return new HolmError('unknown', thrown instanceof Error ? thrown.message : String(thrown));
}
