// The content of an outbox entry, as lines for people.
import type { Json, OutboxEntry } from 'holm';
import { columns } from '../columns.ts';

/** One value that a write sets. */
export interface Line {
  readonly name: string;
  readonly value: string;
}

/** An entry in words: its content as far as it fits, and how many operations are left out. */
export interface EntryWords {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly left: number;
}

interface Operation {
  readonly op: string;
  readonly id: string;
  readonly fields: Readonly<Record<string, Json>>;
}

const VERBS: Readonly<Record<string, string>> = {
  insert: 'New',
  update: 'Change',
  delete: 'Deletion',
};
const TITLES_MAX = 3;

/** The titles of films by id, of those that are there. */
export type Titles = ReadonlyMap<string, string>;

/** See the head of the file. */
export function describeEntry({ operations }: OutboxEntry, titles: Titles): EntryWords {
  const all = operations as unknown as readonly Operation[];
  const [only] = all;
  if (all.length !== 1 || !only) {
    const lines = all.slice(0, TITLES_MAX).map(({ op, id, fields }) => ({
      name: VERBS[op] ?? op,
      value: toText(fields.title ?? titles.get(id) ?? id),
    }));
    const title = `${all.length.toLocaleString('en-US')} films`;
    return { title, lines, left: all.length - lines.length };
  }
  const lines = Object.entries(only.fields)
    .filter(([, value]) => only.op !== 'insert' || value !== null)
    .map(([name, value]) => ({ name: labelOf(name), value: toShown(name, value) }));
  const name = toText(nameOf(only, titles));
  return { title: `${VERBS[only.op] ?? only.op}: ${name}`, lines, left: 0 };
}

/** A new film has its own title: another one may have taken its id. */
function nameOf({ op, id, fields }: Operation, titles: Titles): Json {
  const own = fields.title;
  return (op === 'insert' ? own : undefined) ?? titles.get(id) ?? own ?? id;
}

function labelOf(name: string): string {
  return columns.find(({ key }) => key === name)?.label ?? name;
}

function toShown(name: string, value: Json): string {
  if (name === 'releaseDate' && typeof value === 'number') {
    return new Date(value).toISOString().slice(0, 10);
  }
  return toText(value);
}

function toText(value: Json): string {
  if (value === null) return 'none';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
