// What `import ... from 'holm'` gives to a bundle for browsers: all of index.ts but the engine in
// place, which pages never load.
import { type Database, type DatabaseOptions, openDatabase } from './client.ts';
import { runInPage } from './page.ts';
import type { Schema } from './schema.ts';

export * from './api.ts';

/** Opens a database, or makes it: see index.ts. */
export function createDatabase<S extends Schema>(
  options: DatabaseOptions<S>,
): Promise<Database<S>> {
  return openDatabase(options, runInPage);
}
