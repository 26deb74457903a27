// The data of all contestants: issues, made from their number alone, and what they must answer.

const STATUSES = ['open', 'doing', 'review', 'done', 'closed'];
const LABELS = ['ui', 'bug', 'later'];
const BEGIN_MS = 1_700_000_000_000;

/** A number that looks random, from a counter. */
function mix(number) {
  let mixed = Math.imul(number + 1, 0x9e3779b1) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b) >>> 0;
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

/** Issue `number`. Times are milliseconds since 1970. */
export function issue(number) {
  const mixed = mix(number);
  return {
    id: `${mixed.toString(36).padStart(8, '0')}-${String(number).padStart(12, '0')}`,
    title: `Issue ${number}: something does not work as it ought`,
    body: 'It happens now and then, and more often when it rains or snows. '.repeat(2).trim(),
    status: STATUSES[mixed % 5],
    priority: (mixed % 7) % 5,
    projectId: `p${mixed % 100}`,
    assigneeId: `u${mixed % 500}`,
    createdAt: BEGIN_MS + number,
    updatedAt: BEGIN_MS + (mixed % 1_000_000_000),
    labels: LABELS.slice(0, mixed % 4),
  };
}

/** The first `count` issues. */
export const issues = (count) => Array.from({ length: count }, (_, number) => issue(number));

/** Ids, those that were updated last first, ties by id. Changes the order of what is given. */
export function idsByTime(found) {
  found.sort((a, b) => b.updatedAt - a.updatedAt || (a.id < b.id ? -1 : 1));
  return found.map(({ id }) => id);
}

/** Ids of the open issues that were updated at this time or later. */
export const openSince = (all, ms) =>
  idsByTime(all.filter(({ status, updatedAt }) => status === 'open' && updatedAt >= ms));

/** Ids of the 50 open issues that were updated last. */
export const newestOpen = (all) => openSince(all, 0).slice(0, 50);

/** When the last of them was updated. */
export const timeOfFiftieth = (all) => {
  const [last] = newestOpen(all).slice(-1);
  return all.find(({ id }) => id === last).updatedAt;
};
