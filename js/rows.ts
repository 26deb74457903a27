// A live query's list of rows, moved by patches. A row that did not change stays the same object;
// one that changed is a new object; the list is a new array each time.
import { HolmError } from './error.ts';
import type { Layout, PlainRow } from './layout.ts';
import type { WirePatch, WireRow } from './message.ts';
import { isEqual } from './value.ts';

/**
 * An ordered change of a list, by position. First the rows at the positions `removes` and at the
 * `from` of each move (positions of the old list) go; then moved and inserted rows take their
 * positions in the new list; then the rows at `updates` (positions of the new list) are replaced.
 */
export interface Patch<R> {
  readonly removes: readonly number[];
  readonly moves: readonly (readonly [from: number, to: number])[];
  readonly inserts: readonly { readonly at: number; readonly row: R }[];
  readonly updates: readonly {
    readonly at: number;
    readonly row: R;
    /** Names of the fields that changed. */
    readonly fields: readonly string[];
  }[];
}

/** A list and how it came from the one before. */
export interface Patched {
  readonly rows: readonly PlainRow[];
  readonly patch: Patch<PlainRow>;
}

/** The list after a patch. Takes time in the length of the list, once, and of the patch. */
export function applyPatch(old: readonly PlainRow[], wire: WirePatch, layout: Layout): Patched {
  const { removes, moves } = wire;
  const inserts = wire.inserts.map(([at, row]) => ({ at, row: layout.decodeRow(row) }));
  const rows = rearrange(old, wire, inserts);
  const updates = wire.updates.map(([at, changes]) => {
    if (!rows[at]) throw doesNotFit();
    const row: Record<string, unknown> = { ...rows[at] };
    for (const [column, value] of changes) layout.setColumn(row, column, value);
    rows[at] = row as PlainRow;
    const fields = changes.map(([column]) => layout.columns[column] as string);
    return { at, row: row as PlainRow, fields };
  });
  return { rows, patch: { removes, moves, inserts, updates } };
}

/** Takes out, then puts in; what stays keeps its order in the places that are left. */
function rearrange(
  old: readonly PlainRow[],
  { removes, moves }: WirePatch,
  inserts: Patch<PlainRow>['inserts'],
): PlainRow[] {
  const isTaken = new Uint8Array(old.length);
  for (const at of removes) isTaken[at] = 1;
  for (const [from] of moves) isTaken[from] = 1;
  const rows = new Array<PlainRow | undefined>(old.length - removes.length + inserts.length);
  for (const [from, to] of moves) rows[to] = old[from];
  for (const { at, row } of inserts) rows[at] = row;
  let next = 0;
  for (let at = 0; at < rows.length; at += 1) {
    if (rows[at]) continue;
    while (isTaken[next]) next += 1;
    rows[at] = old[next];
    next += 1;
  }
  while (isTaken[next]) next += 1;
  // Every old row has gone or found a place, and every place is taken.
  if (next !== old.length) throw doesNotFit();
  return rows as PlainRow[];
}

/**
 * A whole new list, which may come in parts. Every row that equals its former self is the same
 * object.
 */
export class NewRows {
  readonly #old: readonly PlainRow[];
  readonly #layout: Layout;
  readonly #formerById: ReadonlyMap<string, PlainRow>;
  readonly #rows: PlainRow[] = [];

  constructor(old: readonly PlainRow[], layout: Layout) {
    this.#old = old;
    this.#layout = layout;
    this.#formerById = new Map(old.map((row) => [row.id, row]));
  }

  /** Takes the next rows. */
  add(wire: readonly WireRow[]): this {
    for (const wireRow of wire) {
      const row = this.#layout.decodeRow(wireRow);
      const former = this.#formerById.get(row.id);
      this.#rows.push(former && isEqual(former, row) ? former : row);
    }
    return this;
  }

  /** The list; the old one if nothing is new. */
  done(): readonly PlainRow[] {
    const [rows, old] = [this.#rows, this.#old];
    return rows.length === old.length && rows.every((row, at) => row === old[at]) ? old : rows;
  }
}

function doesNotFit(): HolmError {
  return new HolmError('internal', 'A patch does not fit its list. Reload, and report this.');
}
