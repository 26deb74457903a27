// The state of a database in words.
import type { OutboxStatus, StorageStatus, SyncStatus } from 'holm';
import { useEffect, useState } from 'react';

/** How something stands, for its colour. */
export type Tone = 'good' | 'busy' | 'warn' | 'danger' | 'quiet';

const SYNC: Readonly<Record<SyncStatus['state'], readonly [Tone, string]>> = {
  off: ['quiet', 'Sync is off'],
  offline: ['warn', 'Offline'],
  connecting: ['busy', 'Connecting'],
  pulling: ['busy', 'Receiving'],
  pushing: ['busy', 'Sending'],
  idle: ['good', 'Up to date'],
  backoff: ['warn', 'Server not reached'],
  needs_auth: ['danger', 'Sign-in needed'],
  refused: ['danger', 'Refused by the server'],
  stalled: ['danger', 'Sync is stuck'],
};

/** How sync stands, and in what tone to say so. */
export function syncWords({ state }: SyncStatus): readonly [Tone, string] {
  return SYNC[state];
}

/** Where the films are kept. */
export function storageWords({ durable, state }: StorageStatus): readonly [Tone, string] {
  if (state !== 'ok') return ['danger', state === 'damaged' ? 'Storage damaged' : 'Storage failed'];
  if (durable) return ['good', 'Saved on this device'];
  return ['warn', 'In memory only'];
}

/** Bytes as people read them. */
export function bytesToText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 ** 2) return `${(bytes / 1024).toFixed(0)} KB`;
  return `${(bytes / 1024 ** 2).toFixed(1)} MB`;
}

/** Writes that the server has not got. */
export function waitingWrites({ queued, sent }: OutboxStatus): number {
  return queued + sent;
}

/** Writes that the server would not have. */
export function refusedWrites({ rejected, quarantined }: OutboxStatus): number {
  return rejected + quarantined;
}

/** `1 change`, `2 changes`. */
export function countOfWrites(count: number): string {
  return count === 1 ? '1 change' : `${count.toLocaleString('en-US')} changes`;
}

/** How long a passing state must last before it is shown: a single write is over before. */
const STEADY_MS = 350;

/** The state of sync without flicker: passing states are left out unless they last. */
export function useSteadySync(sync: SyncStatus): SyncStatus {
  const isPassing = passes(sync);
  const [hasLasted, setLasted] = useState(false);
  const [settled, setSettled] = useState<SyncStatus>(
    isPassing ? { ...sync, state: 'connecting' } : sync,
  );
  useEffect(() => {
    if (!isPassing) setSettled(sync);
  }, [sync, isPassing]);
  useEffect(() => {
    if (!isPassing) return;
    const timer = setTimeout(() => setLasted(true), STEADY_MS);
    return () => {
      clearTimeout(timer);
      setLasted(false);
    };
  }, [isPassing]);
  return isPassing && !hasLasted ? settled : sync;
}

/** Sync begins as offline, until it knows of the network. */
function passes({ state }: SyncStatus): boolean {
  if (state === 'offline') return navigator.onLine;
  return state === 'connecting' || state === 'pulling' || state === 'pushing';
}
