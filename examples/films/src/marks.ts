// Which films have writes that the server has not got, or would not have.
import type { OutboxEntry } from 'holm';

/** The state of a film's own writes; the worst of several. */
export type Mark = 'waiting' | 'sent' | 'refused';

const MARKS: Readonly<Record<OutboxEntry['state'], Mark | undefined>> = {
  queued: 'waiting',
  sent: 'sent',
  accepted: undefined,
  rejected: 'refused',
  quarantined: 'refused',
};
const RANK: Readonly<Record<Mark, number>> = { sent: 1, waiting: 2, refused: 3 };

/** What each mark says. */
export const MARK_LABELS: Readonly<Record<Mark, string>> = {
  waiting: 'Waiting to be sent',
  sent: 'Being sent',
  refused: 'Refused by the server',
};

/** Marks by film. */
export function marksOf(entries: readonly OutboxEntry[]): ReadonlyMap<string, Mark> {
  const marks = new Map<string, Mark>();
  for (const { state, documents } of entries) {
    const mark = MARKS[state];
    if (!mark) continue;
    for (const [collection, id] of documents) {
      const other = marks.get(id);
      if (collection !== 'films' || (other && RANK[other] >= RANK[mark])) continue;
      marks.set(id, mark);
    }
  }
  return marks;
}
