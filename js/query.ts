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

/** Fields that a text can be held against. */
type TextField<W> = {
  [K in keyof W & string]: Extract<W[K], string> extends never ? never : K;
}[keyof W & string];

/** What a field can have in it: an item of a list, a part of a text. */
type Part<V> = V extends string ? string : V extends readonly (infer I)[] ? I : never;

type Predicate =
  | { readonly op: string; readonly field: string; readonly value?: Json }
  | { readonly op: string; readonly field: string; readonly values: Json }
  | { readonly op: 'and' | 'or'; readonly args: readonly Predicate[] }
  | { readonly op: 'not'; readonly arg: Predicate };

/** A query as the engine reads it (docs/PAGE.md). */
export interface Ast {
  readonly from: string;
  readonly where?: Predicate | undefined;
  readonly orderBy?: readonly (readonly [field: string, direction: Direction])[] | undefined;
  /** A value for each of `orderBy`, and the id of the row after which rows are meant. */
  readonly after?: readonly Json[] | undefined;
  readonly offset?: number | undefined;
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

/**
 * Builds conditions: `q('rating', '>', 7)`, `q.or(...)`, `q.and(...)`, `q.not(...)`. `between`
 * has both its bounds. In a `like`, `%` is any text and `_` any one code point; `\` before one of
 * them, or before itself, takes that away. Case counts. A text contains a part, a list an item.
 */
export interface Conditions<W> {
  <K extends keyof W & string>(field: K, op: Comparison, value: W[K]): Condition;
  <K extends keyof W & string>(field: K, op: 'in' | 'not in', values: readonly W[K][]): Condition;
  <K extends keyof W & string>(field: K, op: 'between', bounds: Bounds<W[K]>): Condition;
  <K extends keyof W & string>(field: K, op: 'contains', part: Part<W[K]>): Condition;
  <K extends TextField<W>>(field: K, op: 'prefix' | 'like', text: string): Condition;
  <K extends keyof W & string>(field: K, op: 'is null'): Condition;
  and(...conditions: readonly Condition[]): Condition;
  or(...conditions: readonly Condition[]): Condition;
  not(condition: Condition): Condition;
}

/** Lowest and highest value. */
type Bounds<V> = readonly [from: V, to: V];

/** As much of a row as an order needs. */
type Cursor<W> = { readonly [K in keyof W]?: W[K] | null } & { readonly id: string };

/** What runs queries: a database, or a transaction, which observes nothing. */
export interface Source {
  get(query: Ast, layout: Layout): Promise<readonly PlainRow[]>;
  observe(query: Ast, layout: Layout, failure: HolmError | undefined): Observer<PlainRow>;
  explain(query: Ast): Promise<string>;
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
  /** The row after which rows are meant. */
  private readonly cursor: object | undefined;

  constructor(source: Source, layout: Layout) {
    this.source = source;
    this.layout = layout;
    this.ast = { from: layout.collection };
    this.failure = undefined;
    this.cursor = undefined;
  }

  /**
   * Only rows for which a condition holds; several are joined by "and".
   *
   * @example
   * db.query.films.where('genre', '=', 'drama').where('year', '>=', 1990);
   * db.query.films.where((q) => q.or(q('rating', '>', 8), q('director', 'in', ['Varda'])));
   */
  where<K extends keyof W & string>(field: K, op: Comparison, value: W[K]): this;
  where<K extends keyof W & string>(field: K, op: 'in' | 'not in', values: readonly W[K][]): this;
  where<K extends keyof W & string>(field: K, op: 'between', bounds: Bounds<W[K]>): this;
  where<K extends keyof W & string>(field: K, op: 'contains', part: Part<W[K]>): this;
  where<K extends TextField<W>>(field: K, op: 'prefix' | 'like', text: string): this;
  where<K extends keyof W & string>(field: K, op: 'is null'): this;
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
    return this.extend((ast) => ({ ...ast, limit: whole('limit', count) }));
  }

  /** Without so many rows at the beginning. They are counted anew with every change. */
  offset(count: number): this {
    return this.extend((ast) => ({ ...ast, offset: whole('offset', count) }));
  }

  /**
   * Only rows that come after this one in the order; it need not be there any more. Of the row it
   * takes the id and what is sorted by.
   *
   * @example
   * const page = db.query.films.orderBy('title').limit(20);
   * const first = await page.get();
   * const second = await page.startAfter(first.at(-1)!).get();
   */
  startAfter(row: Cursor<W>): this {
    return this.extend((ast) => ast, row);
  }

  /**
   * The rows now. The array may be one that was given before, where nothing has changed since.
   */
  async get(): Promise<readonly R[]> {
    if (this.failure) throw this.failure;
    return (await this.source.get(this.query(), this.layout)) as readonly R[];
  }

  /** The first row now, if there is any. */
  async first(): Promise<R | undefined> {
    const [row] = await this.limit(Math.min(1, this.ast.limit ?? 1)).get();
    return row;
  }

  /** The query in the form the engine reads; equal queries have their members in one order. */
  protected query(): Ast {
    const { from, where, orderBy, after, offset, limit } = this.ast;
    return { from, where, orderBy, after, offset, limit };
  }

  /** What is wrong with the query, as far as can be told here. */
  protected fault(): HolmError | undefined {
    return this.failure;
  }

  /**
   * A copy with another query in it, or with the reason why it has none. Its members are private to
   * TypeScript only: `#` members would not be copied.
   */
  private extend(change: (ast: Ast) => Ast, cursor = this.cursor): this {
    const copy = Object.assign(Object.create(Object.getPrototypeOf(this)), this, { cursor });
    try {
      const ast = change(this.ast);
      const after = cursor && placeOf(cursor, ast.orderBy ?? [], this.layout);
      copy.ast = { ...ast, after };
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

  /**
   * How the query is answered, in words: by which index, how its rows come into order, and which
   * commits its live form is asked about. The words may change with any version.
   */
  async explain(): Promise<string> {
    const failure = this.fault();
    if (failure) throw failure;
    return this.source.explain(this.query());
  }

  /** The query's state as a store, shared by all equal queries: what hooks are made of. */
  observe(): Observer<R> {
    const observer = this.source.observe(this.query(), this.layout, this.fault());
    return observer as Observer<unknown> as Observer<R>;
  }
}

function whole(place: string, count: number): number {
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new HolmError('bad_query', `${place} takes a whole number, but got ${String(count)}.`, {
    details: { place },
  });
}

/** Where a row stands in an order. */
function placeOf(row: object, orderBy: Required<Ast>['orderBy'] & {}, layout: Layout): Json[] {
  return [...orderBy.map(([field]) => field), 'id'].map((field) => {
    const value = (row as Readonly<Record<string, unknown>>)[field];
    return toPlain(value, layout.place(field));
  });
}

function both(left: Predicate, right: Predicate): Predicate {
  const args = left.op === 'and' && 'args' in left ? left.args : [left];
  return { op: 'and', args: [...args, right] };
}

/** Operators that take a list of operands. */
const SEVERAL = ['in', 'not in', 'between'];

type AnyConditions = Conditions<Readonly<Record<string, unknown>>>;

function conditionsOf(layout: Layout): AnyConditions {
  const compare = (field: string, op: string, value: unknown) => {
    const place = layout.place(field);
    if (op === 'is null') return new Condition({ op, field });
    if (!SEVERAL.includes(op)) return new Condition({ op, field, value: toPlain(value, place) });
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
