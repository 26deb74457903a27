// What `import ... from 'holm'` gives. Importing has no effect until `createDatabase` is called.
import { type Database, type DatabaseOptions, openDatabase, type Runtime } from './client.ts';
import { runInPage } from './page.ts';
import type { Schema } from './schema.ts';

/**
 * Opens a database, or makes it. In a browser the engine runs in a worker of this page; elsewhere
 * it runs in place and in memory. Rejects with a HolmError: `database_in_use` while another tab
 * has it, `storage_busy`, `storage_damaged`, `schema_invalid`.
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
  return openDatabase(options, hasPage() ? runInPage : await inPlace());
}

/** Whether this is a page or a worker of one; servers' runtimes may have `Worker` too. */
function hasPage(): boolean {
  const { document, process } = globalThis as { document?: unknown; process?: unknown };
  return typeof Worker === 'function' && (document !== undefined || process === undefined);
}

async function inPlace(): Promise<Runtime> {
  return (await import('./in-place.ts')).runInPlace;
}

export * from './api.ts';
