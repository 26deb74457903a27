// The columns of the table: what each shows of a film, and how it is edited.
import type { Direction } from 'holm';
import type { Film, FilmUpdate } from './schema.ts';

/** The fields that have a column. */
export type ColumnKey =
  | 'title'
  | 'releaseDate'
  | 'majorGenre'
  | 'director'
  | 'mpaaRating'
  | 'imdbRating'
  | 'rottenTomatoesRating'
  | 'worldwideGross';

/** What an edit gives: the change, or why there is none. */
export type Parsed = { readonly change: FilmUpdate } | { readonly fault: string };

/** A column. */
export interface Column {
  readonly key: ColumnKey;
  readonly label: string;
  readonly kind: 'text' | 'number' | 'date';
  /** The list of choices that an editor offers. */
  readonly choices?: 'genres' | 'directors' | 'mpaaRatings';
  /** How the first click on its header sorts. */
  readonly firstDirection: Direction;
  /** What a reader sees; empty where there is nothing. */
  readonly show: (film: Film) => string;
  /** What an editor begins with. */
  readonly toInput: (film: Film) => string;
  readonly parse: (input: string) => Parsed;
}

const dates = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  timeZone: 'UTC',
});
const money = new Intl.NumberFormat('en-US', {
  style: 'currency',
  currency: 'USD',
  notation: 'compact',
  maximumSignificantDigits: 3,
});

type TextKey = 'title' | 'majorGenre' | 'director' | 'mpaaRating';
type NumberKey = 'imdbRating' | 'rottenTomatoesRating' | 'worldwideGross';

function textColumn(key: TextKey, label: string, more: Pick<Column, 'choices'> = {}): Column {
  const show = (film: Film) => film[key] ?? '';
  const parse = (input: string): Parsed => {
    const text = input.trim();
    if (text === '' && key === 'title') return { fault: 'A film needs a title.' };
    return { change: { [key]: text === '' ? null : text } };
  };
  return { key, label, kind: 'text', firstDirection: 'asc', show, toInput: show, parse, ...more };
}

interface NumberRule {
  readonly max: number;
  /** Digits after the point. */
  readonly digits: number;
  readonly show: (value: number) => string;
}

function numberColumn(key: NumberKey, label: string, rule: NumberRule): Column {
  const { max, digits, show } = rule;
  return {
    key,
    label,
    kind: 'number',
    firstDirection: 'desc',
    show: (film) => (film[key] === null ? '' : show(film[key])),
    toInput: (film) => (film[key] === null ? '' : String(film[key])),
    parse: (input) => {
      const text = input.replace(/[$,\s]/g, '');
      if (text === '') return { change: { [key]: null } };
      const value = Number(text);
      const isFine = Number.isFinite(value) && value >= 0 && value <= max;
      if (!isFine) return { fault: `A number from 0 to ${max.toLocaleString('en-US')}.` };
      return { change: { [key]: Number(value.toFixed(digits)) } };
    },
  };
}

const releaseDate: Column = {
  key: 'releaseDate',
  label: 'Released',
  kind: 'date',
  firstDirection: 'desc',
  show: ({ releaseDate }) => (releaseDate === null ? '' : dates.format(releaseDate)),
  toInput: ({ releaseDate }) =>
    releaseDate === null ? '' : new Date(releaseDate).toISOString().slice(0, 10),
  parse: (input) => {
    if (input === '') return { change: { releaseDate: null } };
    const time = Date.parse(`${input}T00:00:00Z`);
    if (Number.isNaN(time)) return { fault: 'A date, as 1998-06-12.' };
    return { change: { releaseDate: time } };
  },
};

const GROSS_MAX = 100_000_000_000;

/** All columns, in order. */
export const columns: readonly Column[] = [
  textColumn('title', 'Title'),
  releaseDate,
  textColumn('majorGenre', 'Genre', { choices: 'genres' }),
  textColumn('director', 'Director', { choices: 'directors' }),
  textColumn('mpaaRating', 'Rated', { choices: 'mpaaRatings' }),
  numberColumn('imdbRating', 'IMDb', { max: 10, digits: 1, show: (value) => value.toFixed(1) }),
  numberColumn('rottenTomatoesRating', 'Tomatoes', {
    max: 100,
    digits: 0,
    show: (value) => `${value} %`,
  }),
  numberColumn('worldwideGross', 'Worldwide', {
    max: GROSS_MAX,
    digits: 0,
    show: (value) => money.format(value),
  }),
];

/** The column of a field. */
export function columnOf(key: ColumnKey): Column {
  const column = columns.find((one) => one.key === key);
  if (!column) throw new Error(`there is no column ${key}`);
  return column;
}
