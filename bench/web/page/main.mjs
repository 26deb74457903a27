// The workloads, for one contestant after the other, each in a browser of its own. A time counts
// only once the answer was checked against the plain model in issues.mjs.

import { issue, issues, newestOpen, openSince, timeOfFiftieth } from './issues.mjs';
import { first, many } from './live.mjs';

/** Each is loaded when it is its turn, and in a file of its own. */
const CONTESTANTS = {
  dexie: () => import('./dexie.mjs'),
  'floor-bare': () => import('./floor-bare.mjs'),
  'floor-indexeddb': () => import('./floor-indexeddb.mjs'),
  'floor-opfs': () => import('./floor-opfs.mjs'),
  holm: () => import('./holm.mjs'),
  'holm-local': () => import('./holm-local.mjs'),
  pglite: () => import('./pglite.mjs'),
  sqlite: () => import('./sqlite.mjs'),
  'wa-sqlite': () => import('./wa-sqlite.mjs'),
};

/** How many are inserted one by one. */
const SINGLE = 200;

const now = () => performance.now();

async function timed(call) {
  const began = now();
  const result = await call();
  return [now() - began, result];
}

function same(found, wanted, what) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: ${a?.slice(0, 200)} is not ${b?.slice(0, 200)}`);
}

/** Times are plain numbers to all. */
const plain = (row) => ({
  ...row,
  createdAt: Number(row.createdAt),
  updatedAt: Number(row.updatedAt),
});

function sameIssue(found, wanted) {
  const ordered = (row) => Object.keys(issue(0)).map((name) => plain(row)[name]);
  same(ordered(found), ordered(wanted), 'an issue');
}

/** The time that this share of all is below. */
const below = (times, share) =>
  times.toSorted((a, b) => a - b)[Math.floor((times.length - 1) * share)];
const middle = (times) => below(times, 0.5);

/** How long reads of one row take, one after the other, for a second at most. */
async function timesOfGets(contestant, data) {
  const times = [];
  const until = now() + 1_000;
  for (let nth = 0; nth < 1_000 && now() < until; nth += 1) {
    const wanted = data[(nth * 7_919) % data.length];
    const [ms, row] = await timed(() => contestant.get(wanted.id));
    sameIssue(row, wanted);
    times.push(ms);
  }
  return times;
}

/** The longest time in which the page could do nothing else, while `call` runs. */
async function longestGap(call) {
  let [last, longest] = [now(), 0];
  const beat = () => {
    longest = Math.max(longest, now() - last);
    last = now();
  };
  const timer = setInterval(beat, 4);
  const result = await call();
  clearInterval(timer);
  beat();
  return [longest, result];
}

globalThis.bench = {
  /** W2, W10, reads right after it, W7, W1 in a fresh profile. */
  async fill(name, count) {
    const { open } = await CONTESTANTS[name]();
    const data = issues(count);
    const contestant = await open();
    if (!contestant.insertAll) return { kind: contestant.kind };
    const insert = () => timed(() => contestant.insertAll(data));
    const [gapMs, [insertMs]] = await longestGap(insert);
    // What was inserted is still being put in order.
    const gets = await timesOfGets(contestant, data);
    const [allGapMs, [allMs, all]] = await longestGap(() => timed(() => contestant.all()));
    same(all.length, count, 'rows');
    const byId = new Map(all.map((row) => [row.id, row]));
    for (const wanted of data) sameIssue(byId.get(wanted.id), wanted);
    const repeated = [];
    for (let times = 0; times < 5; times += 1) {
      repeated.push((await timed(() => contestant.all()))[0]);
    }
    const single = [];
    for (let number = count; number < count + SINGLE; number += 1) {
      single.push((await timed(() => contestant.insertOne(issue(number))))[0]);
    }
    same((await contestant.all()).length, count + SINGLE, 'rows');
    return {
      kind: contestant.kind,
      'W2 insert': insertMs,
      'W10 gap': gapMs,
      'then get, p50': middle(gets),
      'then get, p95': below(gets, 0.95),
      'then get, longest': below(gets, 1),
      'W7 all, first': allMs,
      'W7 gap': allGapMs,
      'W7 all, p50': middle(repeated),
      'W1 insert one, p50': middle(single),
    };
  },

  /** W4 and W5, in a fresh profile. */
  async live(name, count) {
    const { openLive } = await CONTESTANTS[name]();
    if (!openLive) return {};
    const data = issues(count);
    const contestant = await openLive();
    await contestant.insertAll(data);
    const { shown, saved } = await first(contestant, data);
    const pairs = await many(contestant, data);
    return {
      'W4 shown, p50': middle(shown),
      'W4 shown, p95': below(shown, 0.95),
      'W4 saved, p50': middle(saved),
      'W5 open 1,000': pairs.openMs,
      'W5 shown, p50': middle(pairs.shown),
      'W5 shown, p95': below(pairs.shown, 0.95),
    };
  },

  /** W3 and scans, after the browser was started again on the profile. */
  async reopen(name, count) {
    const { open } = await CONTESTANTS[name]();
    const data = issues(count + SINGLE);
    const since = timeOfFiftieth(data);
    const began = now();
    const contestant = await open();
    const opened = now() - began;
    if (!contestant.newestOpen) return { 'W3 open': opened };
    const ids = await contestant.openSince(since);
    const shown = now() - began;
    const row = await contestant.get(data[7].id);
    const got = now() - began;
    same(ids, openSince(data, since), 'open issues by the index');
    sameIssue(row, data[7]);
    const [newestMs, newest] = await timed(() => contestant.newestOpen());
    same(newest, newestOpen(data), 'the newest open issues');
    const [scanMs, some] = await timed(() => contestant.withPriority(2));
    same(some.length, data.filter(({ priority }) => priority === 2).length, 'rows of a scan');
    return {
      'W3 open': opened,
      'W3 first query': shown,
      'W3 then get': got,
      'ordered, limit 50': newestMs,
      'scan for a fifth': scanMs,
    };
  },
};
