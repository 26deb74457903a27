// What the database of this example holds.
import { type Database, defineSchema, type Row, type Seed, t, type Update } from 'holm';

/** See the head of the file. */
export const schema = defineSchema({
  version: 1,
  collections: {
    films: {
      title: t.string().index(),
      usGross: t.int().nullable(),
      worldwideGross: t.int().nullable().index(),
      productionBudget: t.int().nullable(),
      releaseDate: t.timestamp().nullable().index(),
      mpaaRating: t.string().nullable(),
      runningTimeMinutes: t.int().nullable(),
      distributor: t.string().nullable(),
      source: t.string().nullable(),
      majorGenre: t.string().nullable().index(),
      creativeType: t.string().nullable(),
      director: t.string().nullable().index(),
      rottenTomatoesRating: t.int().nullable(),
      imdbRating: t.float().nullable().index(),
      imdbVotes: t.int().nullable(),
    },
    // How far this device has come with the films it starts with; the one document is `films`.
    seeds: t.local({ state: t.enum('begun', 'done') }),
  },
});

/** A film as it is read. */
export type Film = Row<typeof schema, 'films'>;
/** A film of the data set. */
export type FilmSeed = Seed<typeof schema, 'films'>;
/** What changes of a film. */
export type FilmUpdate = Update<typeof schema, 'films'>;
/** The database. */
export type FilmsDatabase = Database<typeof schema>;
