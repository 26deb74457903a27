// What the package gives beside `createDatabase`, wherever it runs.

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
export type { ExportOptions, Imported, ImportOptions, Ndjson } from './transfer.ts';
export type { Json } from './value.ts';
export type { Write, WriteMany, WriteState } from './write.ts';
