// What `import ... from 'holm'` gives to a bundle for browsers: all of index.ts but the engine in
// place, which pages never load.
import { type Database, type DatabaseOptions, openDatabase } from './client.ts';
import { removeInPage, runInPage } from './page.ts';
import { settleRemoval } from './remove.ts';
import type { Schema } from './schema.ts';

export * from './api.ts';

/** Opens a database, or makes it: see index.ts. */
export function createDatabase<S extends Schema>(
  options: DatabaseOptions<S>,
): Promise<Database<S>> {
  return openDatabase(options, runInPage);
}

/** Removes a database: see index.ts. */
export function removeDatabase(name: string): Promise<void> {
  return settleRemoval(name, removeInPage(name));
}
