// The seeding of a database as state of a component.
import type { HolmError } from 'holm';
import { useCallback, useEffect, useState } from 'react';
import type { FilmsDatabase } from './schema.ts';
import { type SeedStep, seedIfEmpty } from './seed.ts';
import { asHolmError } from './use-opening.ts';

/** How far seeding has come, or why it has not. */
export type Seeding = SeedStep | { readonly step: 'failed'; readonly error: HolmError };

/** Seeds if need be; the function tries again after a failure. */
export function useSeed(db: FilmsDatabase): readonly [Seeding, () => void] {
  const [seeding, setSeeding] = useState<Seeding>({ step: 'waiting' });
  const [attempt, setAttempt] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each attempt seeds anew
  useEffect(() => {
    const leaving = new AbortController();
    const { signal } = leaving;
    const show = (next: Seeding) => {
      if (!signal.aborted) setSeeding(next);
    };
    seedIfEmpty(db, show, signal).catch((error) =>
      show({ step: 'failed', error: asHolmError(error) }),
    );
    return () => leaving.abort();
  }, [db, attempt]);
  const retry = useCallback(() => {
    setSeeding({ step: 'waiting' });
    setAttempt((count) => count + 1);
  }, []);
  return [seeding, retry];
}
