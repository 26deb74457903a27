// The outbox: writes that the server refused, with their content and what can be done, and those
// that wait to be sent.
import type { OutboxEntry } from 'holm';
import { useLiveQuery } from 'holm/react';
import { useMemo, useState } from 'react';
import { useReport } from '../faults.ts';
import type { FilmsDatabase } from '../schema.ts';
import { Dialog } from './dialog.tsx';
import { describeEntry, type Line, type Titles } from './entry-words.ts';

interface OutboxPanelProps {
  readonly db: FilmsDatabase;
  readonly onClose: () => void;
}

/** See the head of the file. */
export function OutboxPanel({ db, onClose }: OutboxPanelProps) {
  const { data = [], status } = useLiveQuery(() => db.outbox, [db]);
  const films = useLiveQuery(() => db.query.films, [db]);
  const titles = useMemo(
    () => new Map(films.data?.map(({ id, title }) => [id, title])),
    [films.data],
  );
  const refused = data.filter(isRefused);
  const waiting = data.filter(({ state }) => state === 'queued' || state === 'sent');
  return (
    <Dialog title="Outbox" shape="drawer" onClose={onClose}>
      {status !== 'loading' && refused.length + waiting.length === 0 && (
        <p className="calm">Everything you changed is at the server.</p>
      )}
      <Section
        title="Refused"
        note="Not applied. Send again, or give up the change."
        entries={refused}
        {...{ db, titles }}
      />
      <Section
        title="Waiting"
        note="Saved here, and sent as soon as the server is reached."
        entries={waiting}
        {...{ db, titles }}
      />
    </Dialog>
  );
}

function isRefused({ state }: OutboxEntry): boolean {
  return state === 'rejected' || state === 'quarantined';
}

interface SectionProps {
  readonly title: string;
  readonly note: string;
  readonly entries: readonly OutboxEntry[];
  readonly db: FilmsDatabase;
  readonly titles: Titles;
}

function Section({ title, note, entries, db, titles }: SectionProps) {
  if (entries.length === 0) return null;
  return (
    <section className="entries">
      <h3>
        {title} <span className="number">{entries.length}</span>
      </h3>
      <p className="calm">{note}</p>
      <ul>
        {entries.map((entry) => (
          <Entry key={entry.id} {...{ entry, db, titles }} />
        ))}
      </ul>
    </section>
  );
}

interface EntryProps {
  readonly entry: OutboxEntry;
  readonly db: FilmsDatabase;
}

const times = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });

function Entry({ entry, db, titles }: EntryProps & { readonly titles: Titles }) {
  const { title, lines, left } = describeEntry(entry, titles);
  return (
    <li className="entry" data-entry={entry.id} data-state={entry.state}>
      <div className="head">
        <h4>{title}</h4>
        <time dateTime={new Date(entry.createdAt).toISOString()}>
          {times.format(entry.createdAt)}
        </time>
      </div>
      {entry.code && (
        <p className="reason">
          <code>{entry.code}</code> {entry.message}
        </p>
      )}
      <Content lines={lines} />
      {left > 0 && <p className="calm">and {left.toLocaleString('en-US')} more</p>}
      <EntryButtons {...{ entry, db }} />
    </li>
  );
}

function Content({ lines }: { readonly lines: readonly Line[] }) {
  return (
    <dl>
      {lines.map(({ name, value }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Discarding is asked for twice: what it takes back is nowhere else. */
function EntryButtons({ entry, db }: EntryProps) {
  const report = useReport();
  const [isAsking, setAsking] = useState(false);
  if (entry.state === 'sent') return null;
  const retry = () =>
    db.outbox.retry(entry).catch((error) => report('The change could not be sent again', error));
  const discard = () =>
    db.outbox.discard(entry).catch((error) => report('The change could not be discarded', error));
  return (
    <div className="buttons">
      {isAsking ? (
        <>
          <button type="button" onClick={() => setAsking(false)}>
            Keep
          </button>
          <button type="button" className="danger" onClick={discard}>
            Discard for good
          </button>
        </>
      ) : (
        <>
          {isRefused(entry) && (
            <button type="button" className="primary" onClick={retry}>
              Send again
            </button>
          )}
          <button type="button" onClick={() => setAsking(true)}>
            Discard
          </button>
        </>
      )}
    </div>
  );
}
