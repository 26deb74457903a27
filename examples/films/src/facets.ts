// What the films have between them: the choices of the filters and of the editors.
import type { Film } from './schema.ts';

/** Choices in order of the alphabet. */
export interface Facets {
  readonly total: number;
  readonly genres: readonly string[];
  readonly directors: readonly string[];
  readonly mpaaRatings: readonly string[];
}

/** The choices that these films give. */
export function facetsOf(films: readonly Film[]): Facets {
  const genres = new Set<string>();
  const directors = new Set<string>();
  const mpaaRatings = new Set<string>();
  for (const film of films) {
    if (film.majorGenre !== null) genres.add(film.majorGenre);
    if (film.director !== null) directors.add(film.director);
    if (film.mpaaRating !== null) mpaaRatings.add(film.mpaaRating);
  }
  return {
    total: films.length,
    genres: sorted(genres),
    directors: sorted(directors),
    mpaaRatings: sorted(mpaaRatings),
  };
}

/**
 * The choice that somebody means who typed this: the one that is equal, else the first that
 * begins with it, else the first that contains it. Upper and lower case are the same.
 */
export function choiceFor(typed: string, choices: readonly string[]): string | undefined {
  const wanted = typed.trim().toLowerCase();
  if (wanted === '') return undefined;
  const lower = choices.map((choice) => choice.toLowerCase());
  const tests = [
    (choice: string) => choice === wanted,
    (choice: string) => choice.startsWith(wanted),
    (choice: string) => choice.includes(wanted),
  ];
  for (const test of tests) {
    const at = lower.findIndex(test);
    if (at >= 0) return choices[at];
  }
  return undefined;
}

function sorted(texts: ReadonlySet<string>): readonly string[] {
  return [...texts].sort((a, b) => a.localeCompare(b, 'en'));
}
