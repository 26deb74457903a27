import { expect, it } from 'vitest';
import { HolmError } from '../error.ts';
import { Layout, type PlainRow } from '../layout.ts';
import type { WirePatch, WireRow } from '../message.ts';
import { applyPatch, NewRows } from '../rows.ts';
import { t } from '../schema.ts';
import { random } from './scripted-engine.ts';

const layout = new Layout('c', { a: t.int(), b: t.json() });
const NONE = { removes: [], moves: [], inserts: [], updates: [] };

const rowsOf = (wire: readonly WireRow[]) => wire.map((row) => layout.decodeRow(row));

/** The patch from one list to another, by the definition in docs/PAGE.md and nothing cleverer. */
function difference(old: readonly WireRow[], next: readonly WireRow[], roll: Roll): WirePatch {
  const idOf = (row: WireRow) => row[0] as string;
  const oldAt = new Map(old.map((row, at) => [idOf(row), at]));
  const nextAt = new Map(next.map((row, at) => [idOf(row), at]));
  const removes = old.flatMap((row, at) => (nextAt.has(idOf(row)) ? [] : [at]));
  const inserts = next.flatMap((row, at) =>
    oldAt.has(idOf(row)) ? [] : [[at, row] as [number, WireRow]],
  );
  const moves: [number, number][] = [];
  let last = -1;
  for (const [from, row] of old.entries()) {
    const to = nextAt.get(idOf(row));
    if (to === undefined) continue;
    // What is out of order must move; of the rest, some move for no reason.
    if (to < last || roll(10) === 0) moves.push([from, to]);
    else last = to;
  }
  const updates = next.flatMap((row, at) => {
    const former = old[oldAt.get(idOf(row)) ?? -1];
    if (!former) return [];
    const changes = row.flatMap((value, column) =>
      JSON.stringify(value) === JSON.stringify(former[column]) ? [] : [[column, value] as const],
    );
    return changes.length > 0 ? [[at, changes] as const] : [];
  });
  return { removes, moves, inserts, updates };
}

type Roll = (n: number) => number;

/** Another list: rows go, come, change and swap. */
function shuffled(list: readonly WireRow[], roll: Roll, newId: () => string): WireRow[] {
  const next = list.filter(() => roll(5) > 0).map((row) => [...row]);
  for (const row of next) if (roll(4) === 0) row[1 + roll(2)] = roll(100);
  for (let times = roll(4); times > 0; times -= 1) {
    next.splice(roll(next.length + 1), 0, [newId(), roll(100), [roll(9)]]);
  }
  for (let times = roll(4); times > 0 && next.length > 0; times -= 1) {
    const [row] = next.splice(roll(next.length), 1);
    next.splice(roll(next.length + 1), 0, row as never);
  }
  return next;
}

it('a patch gives the new list and keeps every row that did not change', () => {
  for (let seed = 1; seed <= 400; seed += 1) {
    const roll = random(seed);
    let ids = 0;
    const newId = () => `r${++ids}`;
    let wire: WireRow[] = Array.from({ length: roll(30) }, () => [newId(), roll(100), [roll(9)]]);
    let rows: readonly PlainRow[] = rowsOf(wire);
    for (let step = 0; step < 10; step += 1) {
      const next = shuffled(wire, roll, newId);
      const patch = difference(wire, next, roll);
      const before = new Map(rows.map((row) => [row.id, row]));
      const { rows: after } = applyPatch(rows, patch, layout);
      expect(after, `seed ${seed}`).toEqual(rowsOf(next));
      expect(after).not.toBe(rows);
      const changed = new Set(patch.updates.map(([at]) => at));
      for (const [at, row] of after.entries()) {
        const former = before.get(row.id);
        if (former) expect(row === former, `seed ${seed}, row ${at}`).toBe(!changed.has(at));
      }
      wire = next;
      rows = after;
    }
  }
});

it('a patch leaves the list before it as it was', () => {
  const old = rowsOf([
    ['a', 1, null],
    ['b', 2, null],
  ]);
  const copy = structuredClone(old);
  applyPatch(old, { ...NONE, moves: [[0, 1]], updates: [[1, [[1, 9]]]] }, layout);
  expect(old).toEqual(copy);
});

it('the patch that an app gets has rows and names of fields', () => {
  const old = rowsOf([['a', 1, null]]);
  const { patch, rows } = applyPatch(
    old,
    { ...NONE, inserts: [[0, ['z', 3, { $: 'map', v: { $: 1 } }]]], updates: [[1, [[1, 5]]]] },
    layout,
  );
  expect(patch.inserts).toEqual([{ at: 0, row: { id: 'z', a: 3, b: { $: 1 } } }]);
  expect(patch.inserts[0]?.row).toBe(rows[0]);
  expect(patch.updates).toEqual([{ at: 1, row: { id: 'a', a: 5, b: null }, fields: ['a'] }]);
});

it.each<[string, Partial<WirePatch>]>([
  ['a remove beyond the end', { removes: [2] }],
  ['the same remove twice', { removes: [0, 0] }],
  ['a move beyond the end', { moves: [[0, 5]] }],
  ['an insert beyond the end', { inserts: [[9, ['x', 1, 1]]] }],
  ['an insert at a negative place', { inserts: [[-1, ['x', 1, 1]]] }],
  ['two rows in one place', { inserts: [[0, ['x', 1, 1]]], moves: [[1, 0]] }],
  ['an update beyond the end', { updates: [[2, [[1, 1]]]] }],
])('%s is an error, not a wrong list', (_, patch) => {
  const old = rowsOf([
    ['a', 1, null],
    ['b', 2, null],
  ]);
  expect(() => applyPatch(old, { ...NONE, ...patch }, layout)).toThrow(HolmError);
});

it('a list of 100,000 rows moves in one pass', () => {
  const old = rowsOf(Array.from({ length: 100_000 }, (_, at) => [`r${at}`, at, null]));
  const start = performance.now();
  for (let times = 0; times < 10; times += 1) {
    applyPatch(old, { ...NONE, removes: [5], inserts: [[99_999, ['x', 1, 1]]] }, layout);
  }
  // Some 10 ms; a pass per row would take minutes.
  expect(performance.now() - start).toBeLessThan(5_000);
});

it('a whole new result keeps the rows that are equal, and the list if all are', () => {
  const wire: WireRow[] = [
    ['a', 1, { x: [1] }],
    ['b', 2, null],
  ];
  const old = rowsOf(wire);
  const parts = structuredClone(wire).map((row) => [row]);
  const whole = new NewRows(old, layout);
  for (const part of parts) whole.add(part);
  expect(whole.done()).toBe(old);
  const changed: WireRow[] = [
    ['b', 3, null],
    ['a', 1, { x: [1] }],
  ];
  const next = new NewRows(old, layout).add(changed).done();
  expect(next[1]).toBe(old[0]);
  expect(next[0]).not.toBe(old[1]);
  expect(next[0]).toEqual({ id: 'b', a: 3, b: null });
});
