// What `import ... from 'holm'` gives. Importing has no effect until a function of it is called.
import { type Database, type DatabaseOptions, openDatabase } from './client.ts';
import { removeInPage, runInPage } from './page.ts';
import { settleRemoval } from './remove.ts';
import type { Schema } from './schema.ts';

/**
 * Opens a database, or makes it. In a browser the engine runs in a worker of this page; elsewhere
 * it runs in place, over files in `directory` or in memory. Rejects with a HolmError:
 * `database_in_use` while another tab or process has it, `storage_busy`, `storage_damaged`,
 * `storage_gone`, `schema_invalid`.
 *
 * @example
 * const schema = defineSchema({
 *   version: 1,
 *   collections: { films: { title: t.string(), rating: t.float().nullable() } },
 * });
 * const db = await createDatabase({ name: 'cinema', schema });
 * await db.mutate.films.insert({ title: 'Alien' }).saved;
 * const rows = await db.query.films.where('title', '=', 'Alien').get();
 */
export async function createDatabase<S extends Schema>(
  options: DatabaseOptions<S>,
): Promise<Database<S>> {
  if (hasPage()) return openDatabase(options, runInPage);
  const { runInPlace } = await import('./in-place.ts');
  return openDatabase(options, (connection) => runInPlace(connection, options.directory));
}

/**
 * Removes a database with everything in it, also what was not sent yet. Rejects with
 * `database_in_use` while it is open anywhere, and with `storage_busy` where what is written down
 * of it cannot be reached now; then it is still there.
 *
 * @example
 * await removeDatabase('cinema');
 */
export async function removeDatabase(
  name: string,
  { directory }: Pick<DatabaseOptions<Schema>, 'directory'> = {},
): Promise<void> {
  if (hasPage()) return settleRemoval(name, removeInPage(name));
  const { removeInPlace } = await import('./in-place.ts');
  return settleRemoval(name, removeInPlace(name, directory));
}

/** Whether this is a page or a worker of one; servers' runtimes may have `Worker` too. */
function hasPage(): boolean {
  const { document, process } = globalThis as { document?: unknown; process?: unknown };
  return typeof Worker === 'function' && (document !== undefined || process === undefined);
}

export * from './api.ts';
