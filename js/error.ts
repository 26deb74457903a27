// The one error class of the package, and how errors of the engine become it.

/**
 * Codes that the client or the engine gives. A server may add its own, so a code is any string;
 * the listed ones are what an editor completes.
 */
export type HolmErrorCode =
  | 'bad_query'
  | 'bad_request'
  | 'bad_value'
  | 'closed'
  | 'database_in_use'
  | 'discarded'
  | 'document_too_large'
  | 'exists'
  | 'import_failed'
  | 'missing_field'
  | 'no_entry'
  | 'no_transaction'
  | 'not_found'
  | 'not_open'
  | 'opened_otherwise'
  | 'quarantined'
  | 'schema_invalid'
  | 'storage_busy'
  | 'storage_damaged'
  | 'storage_failed'
  | 'storage_full'
  | 'storage_gone'
  | 'transaction_conflict'
  | 'transaction_over'
  | 'transaction_too_large'
  | 'unknown_collection'
  | 'unknown_field'
  | 'unknown_operator'
  | 'worker_failed'
  | (string & {});

/** The facts of an error, by name: `collection`, `field`, `found`, `expected`, `id`, and so on. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** An error as it crosses from the engine (docs/PAGE.md). */
export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly details?: ErrorDetails;
}

/**
 * Everything that Holm throws or rejects with.
 *
 * @example
 * try {
 *   await db.mutate.films.insert(film).saved;
 * } catch (error) {
 *   if (error instanceof HolmError && error.code === 'exists') showDuplicate(error.details.id);
 *   else throw error;
 * }
 */
export class HolmError extends Error {
  override readonly name = 'HolmError';
  /** Stable, for programs; the message is for people. */
  readonly code: HolmErrorCode;
  /** Whether the same call may succeed later without a change. */
  readonly retryable: boolean;
  /** The facts. */
  readonly details: ErrorDetails;

  constructor(code: HolmErrorCode, message: string, facts: Partial<WireError> = {}) {
    super(message);
    this.code = code;
    this.retryable = facts.retryable ?? false;
    this.details = facts.details ?? {};
  }
}

/** The error that the engine sent. */
export function errorFromWire(wire: WireError): HolmError {
  return new HolmError(wire.code, wire.message, wire);
}

/** Anything thrown, as a HolmError; what is not one keeps its message under `code`. */
export function toHolmError(thrown: unknown, code: HolmErrorCode = 'internal'): HolmError {
  if (thrown instanceof HolmError) return thrown;
  return new HolmError(code, thrown instanceof Error ? thrown.message : String(thrown));
}

/** What an engine that failed has thrown. A failed assertion has nothing to say but its stack. */
export function withStack(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.message}\n${thrown.stack}` : String(thrown);
}

/**
 * Calls a function of the app. What it throws goes to the platform's handler of uncaught errors,
 * so that one bad listener can neither be silent nor stop the others.
 */
export function callOut(call: () => void): void {
  try {
    call();
  } catch (error) {
    throwLater(error);
  }
}

/** Makes an error loud where there is no caller to throw it to. */
export function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
