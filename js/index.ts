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

export type { BulkOptions, InsertManyOptions } from './bulk.ts';
export type { Database, DatabaseOptions, Seed, SyncOptions } from './client.ts';
export { type ErrorDetails, HolmError, type HolmErrorCode } from './error.ts';
export { newId } from './id.ts';
export type { EntryState, OutboxStatus, Status, StorageStatus, SyncStatus } from './message.ts';
export type { Mutations } from './mutate.ts';
export type { Observer, Snapshot } from './observer.ts';
export type { Outbox, OutboxEntry } from './outbox.ts';
export type {
  Change,
  Comparison,
  Condition,
  Conditions,
  Direction,
  Query,
  Selection,
} from './query.ts';
export type { Patch } from './rows.ts';
export {
  type CollectionName,
  type Collections,
  defineSchema,
  type Field,
  type Fields,
  type Insert,
  type LocalCollection,
  type Operands,
  type Row,
  type Schema,
  t,
  type Update,
} from './schema.ts';
export type { DatabaseStatus } from './status.ts';
export type { Transaction, TransactionMutations } from './transaction.ts';
export type { Json } from './value.ts';
export type { Write, WriteMany, WriteState } from './write.ts';
