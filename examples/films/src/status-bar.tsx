// The strip at the bottom: where the films are kept, how sync stands, what waits in the outbox.
import type { Status, SyncStatus } from 'holm';
import { useEffect, useState } from 'react';
import { Icon } from './icons.tsx';
import {
  bytesToText,
  refusedWrites,
  storageWords,
  syncWords,
  useSteadySync,
  waitingWrites,
} from './status-words.ts';

interface StatusBarProps {
  readonly status: Status;
  readonly onOpenOutbox: () => void;
}

/** See the head of the file. */
export function StatusBar({ status, onOpenOutbox }: StatusBarProps) {
  const { storage, outbox } = status;
  const [storageTone, storageText] = storageWords(storage);
  const refused = refusedWrites(outbox);
  const waiting = waitingWrites(outbox);
  return (
    <footer className="status">
      <p className="storage" data-tone={storageTone} data-kind={storage.kind}>
        <Icon name="device" />
        <span className="words">{storageText}</span>
        <span className="more">
          {storage.kind.toUpperCase()}, {bytesToText(storage.bytes)}
        </span>
      </p>
      <SyncState sync={status.sync} />
      <button type="button" className="quiet outbox" onClick={onOpenOutbox}>
        <Icon name="outbox" />
        <span className="unseen">Outbox: </span>
        <span className="count" data-count="waiting">
          {waiting.toLocaleString('en-US')} waiting
        </span>
        {refused > 0 && (
          <span className="count" data-count="refused">
            {refused.toLocaleString('en-US')} refused
          </span>
        )}
      </button>
    </footer>
  );
}

function SyncState({ sync }: { readonly sync: SyncStatus }) {
  const shown = useSteadySync(sync);
  const [tone, words] = syncWords(shown);
  const seconds = useSecondsUntil(shown.until);
  return (
    <p className="sync" data-tone={tone} data-sync={sync.state}>
      <span className="lamp" aria-hidden="true" />
      <span className="words" role="status">
        {words}
      </span>
      <span className="more">
        {seconds !== null && `next try in ${seconds} s`}
        {shown.reason && <span className="reason">{shown.reason}</span>}
      </span>
    </p>
  );
}

/** Whole seconds until a time, counted down; null without one. */
function useSecondsUntil(until: number | null): number | null {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (until === null) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [until]);
  return until === null ? null : Math.max(0, Math.ceil((until - now) / 1000));
}
