// Queries as immutable values: each call gives a new one. What they hold is the query of
// docs/PAGE.md; values are checked as they come in, and a fault is told by `get`, not thrown here,
// because queries are built where throwing does harm (rendering).
import { toPlain } from './binary.ts';
import { callOut, HolmError, throwLater, toHolmError } from './error.ts';
import type { Layout, PlainRow } from './layout.ts';
import type { Observer } from './observer.ts';
import type { Patch } from './rows.ts';
import { badValue, type Json } from './value.ts';

/** How a field is compared with one value. Comparisons with null are false, and `!=` is not `=`. */
export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=';

/** Which way an order goes. */
export type Direction = 'asc' | 'desc';

type Predicate =
  | { readonly op: string; readonly field: string; readonly value: Json }
  | { readonly op: 'in'; readonly field: string; readonly values: Json }
  | { readonly op: 'and' | 'or'; readonly args: readonly Predicate[] }
  | { readonly op: 'not'; readonly arg: Predicate };

/** A query as the engine reads it (docs/PAGE.md). */
export interface Ast {
  readonly from: string;
  readonly where?: Predicate | undefined;
  readonly orderBy?: readonly (readonly [field: string, direction: Direction])[] | undefined;
  readonly limit?: number | undefined;
}

/** A condition on a row; made by the builder that `where` gives. */
export class Condition {
  /** As the engine reads it. */
  readonly predicate: Predicate;

  constructor(predicate: Predicate) {
    this.predicate = predicate;
  }
}

/** Builds conditions: `q('rating', '>', 7)`, `q.or(...)`, `q.and(...)`, `q.not(...)`. */
export interface Conditions<W> {
  <K extends keyof W & string>(field: K, op: Comparison, value: W[K]): Condition;
  <K extends keyof W & string>(field: K, op: 'in', values: readonly W[K][]): Condition;
  and(...conditions: readonly Condition[]): Condition;
  or(...conditions: readonly Condition[]): Condition;
  not(condition: Condition): Condition;
}

/** What runs queries: a database, or a transaction, which observes nothing. */
export interface Source {
  get(query: Ast, layout: Layout): Promise<readonly PlainRow[]>;
  observe(query: Ast, layout: Layout, failure: HolmError | undefined): Observer<PlainRow>;
}

/** A change of a live query's result. */
export interface Change<R> {
  /** The whole result now. */
  readonly rows: readonly R[];
  /** How it came from the one before; null the first time and where the whole result is new. */
  readonly patch: Patch<R> | null;
}

/** Rows of a collection: which, in what order, how many. `W` is what fields compare with. */
export class Selection<R, W> {
  protected readonly source: Source;
  protected readonly layout: Layout;
  private readonly ast: Ast;
  private readonly failure: HolmError | undefined;

  constructor(source: Source, layout: Layout) {
    this.source = source;
    this.layout = layout;
    this.ast = { from: layout.collection };
    this.failure = undefined;
  }

  /**
   * Only rows for which a condition holds; several are joined by "and".
   *
   * @example
   * db.query.films.where('genre', '=', 'drama').where('year', '>=', 1990);
   * db.query.films.where((q) => q.or(q('rating', '>', 8), q('director', 'in', ['Varda'])));
   */
  where<K extends keyof W & string>(field: K, op: Comparison, value: W[K]): this;
  where<K extends keyof W & string>(field: K, op: 'in', values: readonly W[K][]): this;
  where(build: (q: Conditions<W>) => Condition): this;
  where(...given: readonly unknown[]): this {
    return this.extend((ast) => {
      const build = conditionsOf(this.layout);
      const { predicate } =
        typeof given[0] === 'function'
          ? (given[0](build) as Condition)
          : build(given[0] as string, given[1] as '=', given[2]);
      return { ...ast, where: ast.where ? both(ast.where, predicate) : predicate };
    });
  }

  /** Sorted by a field; a second call sorts what is equal by the first. Ties go by id. */
  orderBy(field: (keyof W & string) | 'id', direction: Direction = 'asc'): this {
    return this.extend((ast) => ({
      ...ast,
      orderBy: [...(ast.orderBy ?? []), [field, direction] as const],
    }));
  }

  /** At most so many rows, the first in the order. */
  limit(count: number): this {
    return this.extend((ast) => {
      if (Number.isSafeInteger(count) && count >= 0) return { ...ast, limit: count };
      throw new HolmError('bad_query', `limit takes a whole number, but got ${String(count)}.`, {
        details: { place: 'limit' },
      });
    });
  }

  /**
   * The rows now. The array may be one that was given before, where nothing has changed since.
   */
  async get(): Promise<readonly R[]> {
    if (this.failure) throw this.failure;
    return (await this.source.get(this.query(), this.layout)) as readonly R[];
  }

  /** The query in the form the engine reads; equal queries have their members in one order. */
  protected query(): Ast {
    const { from, where, orderBy, limit } = this.ast;
    return { from, where, orderBy, limit };
  }

  /** What is wrong with the query, as far as can be told here. */
  protected fault(): HolmError | undefined {
    return this.failure;
  }

  /**
   * A copy with another query in it, or with the reason why it has none. Its members are private to
   * TypeScript only: `#` members would not be copied.
   */
  private extend(change: (ast: Ast) => Ast): this {
    const copy = Object.assign(Object.create(Object.getPrototypeOf(this)), this);
    try {
      copy.ast = change(this.ast);
    } catch (thrown) {
      copy.failure ??= toHolmError(thrown, 'bad_query');
    }
    return copy;
  }
}

/**
 * A query of a database.
 *
 * @example
 * const best = db.query.films.where('rating', '>=', 8).orderBy('rating', 'desc').limit(20);
 * const rows = await best.get();
 * const stop = best.subscribe(({ rows, patch }) => show(rows, patch));
 */
export class Query<R, W> extends Selection<R, W> {
  /**
   * Calls back with the result, soon, and then after every change, until the function it gives is
   * called. Without `onError` an error is thrown where nobody can catch it, and so is reported.
   */
  subscribe(
    listener: (change: Change<R>) => void,
    onError: (error: HolmError) => void = throwLater,
  ): () => void {
    const observer = this.observe();
    let isFirst = true;
    let isOver = false;
    const deliver = (patch: Patch<R> | null) => {
      const { status, data, error } = observer.getSnapshot();
      if (status === 'error') callOut(() => onError(error));
      if (status !== 'live') return;
      const change = { rows: data, patch: isFirst ? null : patch };
      isFirst = false;
      listener(change);
    };
    const stop = observer.subscribe(deliver);
    // A query that others have live already: its result is there, and no call is due.
    queueMicrotask(() => {
      if (isFirst && !isOver && observer.getSnapshot().status === 'live') {
        callOut(() => deliver(null));
      }
    });
    return () => {
      isOver = true;
      stop();
    };
  }

  /** The query's state as a store, shared by all equal queries: what hooks are made of. */
  observe(): Observer<R> {
    const observer = this.source.observe(this.query(), this.layout, this.fault());
    return observer as Observer<unknown> as Observer<R>;
  }
}

function both(left: Predicate, right: Predicate): Predicate {
  const args = left.op === 'and' && 'args' in left ? left.args : [left];
  return { op: 'and', args: [...args, right] };
}

type AnyConditions = Conditions<Readonly<Record<string, unknown>>>;

function conditionsOf(layout: Layout): AnyConditions {
  const compare = (field: string, op: string, value: unknown) => {
    const place = layout.place(field);
    if (op !== 'in') return new Condition({ op, field, value: toPlain(value, place) });
    if (!Array.isArray(value)) throw badValue(typeof value, { ...place, expected: 'a list' });
    const values = value.map((one) => toPlain(one, place));
    return new Condition({ op, field, values });
  };
  return Object.assign(compare, {
    and: (...all: readonly Condition[]) => joined('and', all),
    or: (...all: readonly Condition[]) => joined('or', all),
    not: ({ predicate }: Condition) => new Condition({ op: 'not', arg: predicate }),
  }) as AnyConditions;
}

function joined(op: 'and' | 'or', conditions: readonly Condition[]): Condition {
  return new Condition({ op, args: conditions.map(({ predicate }) => predicate) });
}
