// Makes films of the rows of the data set, which is messy. What is decided here:
//
// - A title that is a number is its digits; the one that is missing reads "Untitled".
// - Dates are written "Jun 12 1998". Years had two digits once and were expanded to 1928-2046, but
//   no film in it is newer than 2011: a later year is a century too late (2039 is 1939).
// - Titles were read as Mac Roman and had been Latin-1: e acute came out as E grave. The letters
//   that occur are put back.
// - Anything else that is missing stays null, and 0 stays 0. US DVD sales are left out: five of
//   six are missing.
import type { FilmSeed } from './schema.ts';

/** A row as it is in the file. */
export type RawFilm = Readonly<Record<string, string | number | null | undefined>>;

const NEWEST_YEAR = 2011;
const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec';
const ID_DIGITS = 4;

const LETTERS: Readonly<Record<string, string>> = {
  '\u00b7': '\u00e1', // a acute
  '\u2021': '\u00e0', // a grave
  '\u2030': '\u00e4', // a diaeresis
  '\u00c8': '\u00e9', // e acute
  '\u00cb': '\u00e8', // e grave
  '\u00cd': '\u00ea', // e circumflex
  '\u00ce': '\u00eb', // e diaeresis
  '\u00d9': '\u00f4', // o circumflex
  '\u00db': '\u00f3', // o acute
  '\u02d8': '\u00f9', // u grave
  '\u03a9': '\u00bd', // one half
  '\u00d6': '\u2026', // three dots
};

/** All films of the file, with the number of their row as id: the same on every device. */
export function filmsFrom(rows: readonly RawFilm[]): FilmSeed[] {
  return rows.map((row, at) => ({
    id: String(at + 1).padStart(ID_DIGITS, '0'),
    title: text(row.Title) ?? 'Untitled',
    usGross: whole(row['US Gross']),
    worldwideGross: whole(row['Worldwide Gross']),
    productionBudget: whole(row['Production Budget']),
    releaseDate: time(row['Release Date']),
    mpaaRating: text(row['MPAA Rating']),
    runningTimeMinutes: whole(row['Running Time min']),
    distributor: text(row.Distributor),
    source: text(row.Source),
    majorGenre: text(row['Major Genre']),
    creativeType: text(row['Creative Type']),
    director: text(row.Director),
    rottenTomatoesRating: whole(row['Rotten Tomatoes Rating']),
    imdbRating: number(row['IMDB Rating']),
    imdbVotes: whole(row['IMDB Votes']),
  }));
}

type Cell = RawFilm[string];

function text(cell: Cell): string | null {
  if (cell === null || cell === undefined) return null;
  const repaired = String(cell).replace(/[^\0-\x7f]/g, (letter) => LETTERS[letter] ?? letter);
  return repaired.trim() || null;
}

function number(cell: Cell): number | null {
  return typeof cell === 'number' && Number.isFinite(cell) ? cell : null;
}

function whole(cell: Cell): number | null {
  const value = number(cell);
  return value === null ? null : Math.round(value);
}

function time(cell: Cell): number | null {
  const [, month = '', day, year] = /^(\w{3}) (\d\d) (\d{4})$/.exec(String(cell)) ?? [];
  const monthAt = MONTHS.indexOf(month);
  if (monthAt < 0 || monthAt % 3 !== 0 || month === '') return null;
  const century = Number(year) > NEWEST_YEAR ? 100 : 0;
  return Date.UTC(Number(year) - century, monthAt / 3, Number(day));
}
