// What the table shows: filters and order, and the query they make.
import type { Direction, Query } from 'holm';
import type { ColumnKey } from './columns.ts';
import type { Film, FilmsDatabase } from './schema.ts';

/** Filters and order. An empty text and a rating of 0 filter nothing. */
export interface View {
  readonly genre: string;
  readonly director: string;
  readonly rating: number;
  readonly sortBy: ColumnKey;
  readonly direction: Direction;
}

/** What is shown at first. */
export const FIRST_VIEW: View = {
  genre: '',
  director: '',
  rating: 0,
  sortBy: 'worldwideGross',
  direction: 'desc',
};

/** Whether anything is filtered. */
export function isFiltered({ genre, director, rating }: View): boolean {
  return genre !== '' || director !== '' || rating > 0;
}

/** The view without its filters. */
export function unfiltered(view: View): View {
  return { ...view, genre: '', director: '', rating: 0 };
}

/** The view's films, in order. */
export function viewToQuery(db: FilmsDatabase, view: View): FilmsQuery {
  let query = db.query.films;
  if (view.genre) query = query.where('majorGenre', '=', view.genre);
  if (view.director) query = query.where('director', '=', view.director);
  if (view.rating > 0) query = query.where('imdbRating', '>=', view.rating);
  return query.orderBy(view.sortBy, view.direction);
}

type FilmsQuery = FilmsDatabase['query']['films'] & Query<Film, never>;
