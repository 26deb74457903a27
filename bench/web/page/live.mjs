// W4 and W5: live queries, and how long a change takes to the callback that has the right rows.
// A time counts only if the rows are those of the plain model.
import { idsByTime } from './issues.mjs';

const UPDATES = 200;
const PAIRS = 1_000;
const MOVES = 300;

const now = () => performance.now();
const idsOf = (rows) => rows.map(({ id }) => id);
const isSame = (a, b) => a.length === b.length && a.every((id, at) => id === b[at]);

/** What W4 shows. */
const top = (all) => {
  const found = all.filter(({ status, priority }) => status === 'open' && priority >= 2);
  return idsByTime(found).slice(0, 50);
};

/** Waits for a callback that shows these ids; gives when it came. */
class Watched {
  ids = [];
  #wanted = null;

  show(rows) {
    const came = now();
    this.ids = idsOf(rows);
    this.#look(came);
  }

  wait(ids) {
    return new Promise((resolve) => {
      this.#wanted = { ids, resolve };
      this.#look(now());
    });
  }

  #look(came) {
    if (!this.#wanted || !isSame(this.ids, this.#wanted.ids)) return;
    this.#wanted.resolve(came);
    this.#wanted = null;
  }
}

/** W4: issues enter and leave the first fifty. */
export async function first(contestant, data) {
  const watched = new Watched();
  const stop = await contestant.watchTop((rows) => watched.show(rows));
  await watched.wait(top(data));
  const [shown, saved] = [[], []];
  let latest = Math.max(...data.map(({ updatedAt }) => updatedAt));
  for (let nth = 0; nth < UPDATES; nth += 1) {
    const isLeaving = nth % 2 === 1;
    const issue = isLeaving
      ? data.find(({ id }) => id === watched.ids[nth % watched.ids.length])
      : data[(nth * 7_919) % data.length];
    latest += 1;
    const change = isLeaving
      ? { status: 'done' }
      : { status: 'open', priority: 3, updatedAt: latest };
    Object.assign(issue, change);
    const wanted = top(data);
    const seen = watched.wait(wanted);
    const began = now();
    const done = contestant.update(issue.id, change);
    shown.push((await seen) - began);
    await done;
    saved.push(now() - began);
  }
  stop();
  return { shown, saved };
}

const pairOf = ({ projectId, assigneeId }) => `${projectId} ${assigneeId}`;

/** W5: a thousand queries, of which each update concerns one or two. */
export async function many(contestant, data) {
  const byPair = Map.groupBy(data, pairOf);
  const pairs = [...byPair.keys()].slice(0, PAIRS);
  for (let nth = 0; pairs.length < PAIRS; nth += 1) pairs.push(`p${nth % 100} u${500 + nth}`);
  const answer = (pair) => idsByTime(byPair.get(pair) ?? []).slice(0, 20);
  const watched = pairs.map(() => new Watched());
  const began = now();
  const opened = pairs.map((pair, nth) => watched[nth].wait(answer(pair)));
  const stop = await contestant.watchPairs(
    pairs.map((pair) => pair.split(' ')),
    (nth, rows) => watched[nth].show(rows),
  );
  await Promise.all(opened);
  const openMs = now() - began;
  const shown = [];
  let latest = Math.max(...data.map(({ updatedAt }) => updatedAt));
  for (let nth = 0; nth < MOVES; nth += 1) {
    const issue = data[(nth * 7_919) % data.length];
    const from = pairOf(issue);
    latest += 1;
    const change = { updatedAt: latest };
    if (nth % 4 === 3) {
      const [projectId, assigneeId] = pairs[(nth * 31) % pairs.length].split(' ');
      Object.assign(change, { projectId, assigneeId });
    }
    Object.assign(issue, change);
    const to = pairOf(issue);
    if (to !== from) {
      byPair.set(
        from,
        byPair.get(from).filter(({ id }) => id !== issue.id),
      );
      byPair.set(to, [...(byPair.get(to) ?? []), issue]);
    }
    const touched = [...new Set([from, to])].filter((pair) => pairs.includes(pair));
    const seen = touched.map((pair) => watched[pairs.indexOf(pair)].wait(answer(pair)));
    const start = now();
    const done = contestant.update(issue.id, change);
    const times = await Promise.all(seen);
    if (times.length > 0) shown.push(Math.max(...times) - start);
    await done;
  }
  stop();
  return { openMs, shown };
}
