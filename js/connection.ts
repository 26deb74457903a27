// The client's end of the conversation with the engine (docs/PAGE.md): numbers requests, sends
// those of one microtask as one message, matches answers, passes notices on, and carries what is
// unanswered over to the next engine when one is lost. Knows bytes and ports, no browser API.
import { BinaryReader, binaryOf } from './binary.ts';
import { callOut, errorFromWire, HolmError, toHolmError } from './error.ts';
import { newTab } from './id.ts';
import { Inbox } from './inbox.ts';
import type { Answer, Message, StorageStatus, WirePatch, WireRow } from './message.ts';
import type { Ast } from './query.ts';
import type { WireSchema } from './schema.ts';
import type { Json } from './value.ts';

/** What carries bytes to one engine. */
export interface Port {
  send(bytes: Uint8Array): void;
  /** The engine said that it cannot go on. */
  fatal(message: string): void;
  /** The connection has no more use for the engine. */
  close(): void;
}

/** Called once, with the error or the answer. */
export type Settle = (error: HolmError | null, answer: Answer) => void;

/** What a live query's owner is told. */
export interface Subscriber {
  /** Rows of a result that is still to come; so many came before. */
  part(rows: readonly WireRow[], from: number): void;
  /** A whole result, or its last rows. */
  result(rows: readonly WireRow[], from?: number): void;
  patch(patch: WirePatch): void;
  error(error: HolmError): void;
}

/** A notice for the owner: the engine's, or what became of the engine itself. */
export type Notice =
  | Extract<Message, { readonly kind: 'status' | 'entry' | 'token' }>
  | { readonly kind: 'recovered' | 'full' }
  | { readonly kind: 'failed'; readonly error: HolmError };

/** What a database is opened with. */
type Opened = { readonly schema: WireSchema } & Record<string, unknown>;

interface Opening {
  readonly members: Opened;
  readonly settle: Settle;
}

interface Request {
  readonly number: number;
  readonly kind: string;
  /** The members besides number, kind and operations. */
  readonly members: object;
  readonly settle: Settle;
  /** Its operations, as they are sent. */
  readonly ops?: Uint8Array | undefined;
  /** Takes rows of an answer that is still to come. */
  readonly part?: Part | undefined;
}

type Part = Subscriber['part'];

/** What becomes of a request whose engine was lost before it answered. */
const WHEN_LOST: Readonly<Record<string, 'forget' | 'settle' | 'conflict' | undefined>> = {
  // Sent anew by `ready`.
  open: 'forget',
  subscribe: 'forget',
  // Without meaning for the next engine.
  network: 'settle',
  token: 'settle',
  confirm: 'settle',
  unsubscribe: 'settle',
  abort: 'settle',
  // An open transaction is lost with its engine; the client runs it again. `commit` is not in
  // this list: it may have been carried out, so it is sent again and answered from the record.
  begin: 'conflict',
  tx_write: 'conflict',
  tx_get: 'conflict',
};

/** Answers that may be unconfirmed before a `confirm` is added to the next message. */
const UNCONFIRMED_MAX = 32;

/** See the head of the file. */
export class Connection {
  /** Where the engine keeps its data, once it has said so. */
  storage: StorageStatus['kind'] | undefined;
  /** How many engines there have been. */
  engines = 0;
  readonly #tab = newTab();
  readonly #notify: (notice: Notice) => void;
  #port: Port | undefined;
  #state: 'detached' | 'opening' | 'ready' = 'detached';
  #failure: HolmError | undefined;
  #opening: Opening | undefined;
  #wasOpen = false;
  #network: { readonly online: boolean; readonly visible: boolean } | undefined;
  /** Unanswered requests by number; in order of number, because they are added in that order. */
  readonly #pending = new Map<number, Request>();
  readonly #subscribers = new Map<number, readonly [query: Ast, Subscriber]>();
  readonly #inbox = new Inbox((bytes) => this.#read(bytes));
  /** The last one that was attached. */
  #engine: Port | undefined;
  #queue: Request[] = [];
  #lastNumber = 0;
  #lastSubscription = 0;
  #confirmed = 0;

  constructor(notify: (notice: Notice) => void) {
    this.#notify = notify;
  }

  /** Whether an engine has the database open for this connection. */
  get isReady(): boolean {
    return this.#state === 'ready';
  }

  /** Opens the database, on this engine and on every later one. */
  open(members: Opened): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const settle: Settle = (error, answer) => (error ? reject(error) : resolve(answer));
      this.#opening = { members, settle };
      if (this.#failure) reject(this.#failure);
      else if (this.#port) this.#sendOpen(this.#opening);
    });
  }

  /** Asks, and is answered by a promise. */
  request(kind: string, members: object = {}, ops?: Uint8Array, part?: Part): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const settle: Settle = (error, answer) => (error ? reject(error) : resolve(answer));
      this.send(kind, members, settle, ops, part);
    });
  }

  /**
   * Asks, and is answered by a call in the order of the engine's messages, before any later
   * notice is passed on. Gives the request's number.
   */
  send(kind: string, members: object, settle: Settle, ops?: Uint8Array, part?: Part): number {
    const request = { number: ++this.#lastNumber, kind, members, settle, ops, part };
    const failure = this.#failure;
    if (failure) {
      queueMicrotask(() => settle(this.#withContent(failure, request), {}));
      return request.number;
    }
    this.#pending.set(request.number, request);
    if (this.#state === 'ready') this.#enqueue(request);
    return request.number;
  }

  /** What comes of a request is of no interest any more: it is not sent to another engine. */
  forget(number: number): void {
    this.#pending.delete(number);
  }

  /** Keeps a query live, through all engines, until the function it gives is called. */
  subscribe(query: Ast, subscriber: Subscriber): () => void {
    const subscription = ++this.#lastSubscription;
    const failure = this.#failure;
    if (failure) {
      queueMicrotask(() => subscriber.error(failure));
      return () => {};
    }
    this.#subscribers.set(subscription, [query, subscriber]);
    if (this.#state === 'ready') this.#sendSubscribe(subscription, query);
    return () => {
      if (!this.#subscribers.delete(subscription) || this.#state !== 'ready') return;
      this.send('unsubscribe', { subscription }, () => {});
    };
  }

  /** What the page knows of the network and of being seen. */
  setNetwork(network: { readonly online: boolean; readonly visible: boolean }): void {
    this.#network = network;
    if (this.#state === 'ready') this.send('network', network, () => {});
  }

  /** An engine is there: opens the database on it, then carries on. */
  attach(port: Port): void {
    if (this.#failure) {
      port.close();
      return;
    }
    if (port !== this.#engine) this.#inbox.clear();
    this.#engine = port;
    this.#port = port;
    this.engines += 1;
    if (this.#opening) this.#sendOpen(this.#opening);
  }

  /** The engine is gone; what is unanswered waits for the next one. */
  detach(): void {
    this.#port = undefined;
    this.#state = 'detached';
    this.#queue = [];
    for (const request of [...this.#pending.values()]) {
      const fate = WHEN_LOST[request.kind];
      if (!fate) continue;
      this.#pending.delete(request.number);
      if (fate === 'settle') request.settle(null, {});
      if (fate === 'conflict') request.settle(lostTransaction(), {});
    }
  }

  /** There will be no engine any more: every request and live query gets the error. */
  fail(error: HolmError): void {
    if (this.#failure) return;
    this.#failure = error;
    const [port, opening] = [this.#port, this.#opening];
    this.detach();
    port?.close();
    opening?.settle(error, {});
    const [requests, subscribers] = [[...this.#pending.values()], [...this.#subscribers.values()]];
    this.#pending.clear();
    this.#subscribers.clear();
    for (const request of requests) request.settle(this.#withContent(error, request), {});
    for (const [, subscriber] of subscribers) subscriber.error(error);
    this.#notify({ kind: 'failed', error });
  }

  /** One message of the engine. */
  receive(bytes: Uint8Array): void {
    this.#inbox.take(bytes);
  }

  #read(bytes: Uint8Array): void {
    let messages: readonly Message[];
    try {
      messages = JSON.parse(new TextDecoder().decode(bytes)).messages;
    } catch (error) {
      this.#port?.fatal(toHolmError(error).message);
      return;
    }
    for (const message of messages) callOut(() => this.#dispatch(message));
  }

  #dispatch(message: Message): void {
    switch (message.kind) {
      case 'reply': {
        const request = this.#pending.get(message.number);
        this.#pending.delete(message.number);
        if ('ok' in message) {
          request?.settle(null, message.ok);
          break;
        }
        if (message.error.code === 'storage_full') this.#notify({ kind: 'full' });
        const error = errorFromWire(message.error);
        const isLost = request && error.code.startsWith('storage_');
        request?.settle(isLost ? this.#withContent(error, request) : error, {});
        break;
      }
      case 'result':
        this.#subscribers.get(message.subscription)?.[1].result(message.rows, message.from);
        break;
      case 'part': {
        const { number = 0, subscription = 0, rows, from } = message;
        this.#pending.get(number)?.part?.(rows, from);
        this.#subscribers.get(subscription)?.[1].part(rows, from);
        break;
      }
      case 'patch':
        this.#subscribers.get(message.subscription)?.[1].patch(message);
        break;
      case 'status':
        this.storage = message.status.storage.kind;
        this.#notify(message);
        break;
      case 'fatal':
        this.#port?.fatal(message.message);
        break;
      case 'reopen': {
        const port = this.#port as Port;
        this.detach();
        this.attach(port);
        break;
      }
      default:
        this.#notify(message);
    }
  }

  /** What is refused for good carries what was to be written. */
  #withContent(error: HolmError, { ops }: Request): HolmError {
    if (!ops) return error;
    const { collections } = (this.#opening as Opening).members.schema;
    const operations: object[] = [];
    for (const reader = new BinaryReader(ops); !reader.isDone; ) {
      operations.push(readable(reader.read() as unknown as Operation, collections));
    }
    const details = { ...error.details, operations };
    return new HolmError(error.code, error.message, { retryable: error.retryable, details });
  }

  #sendOpen({ members, settle }: Opening): void {
    this.#state = 'opening';
    const number = ++this.#lastNumber;
    const request: Request = {
      number,
      kind: 'open',
      members,
      settle: (error, answer) => {
        if (error) return this.fail(error);
        if (answer.status) this.#dispatch({ kind: 'status', status: answer.status });
        this.#ready();
        settle(null, answer);
      },
    };
    this.#pending.set(number, request);
    this.#post([request]);
  }

  /** The database is open: what the former engine left is first, in its order. */
  #ready(): void {
    this.#state = 'ready';
    if (this.#network) this.setNetwork(this.#network);
    for (const [subscription, [query]] of this.#subscribers)
      this.#sendSubscribe(subscription, query);
    const queued = new Set(this.#queue);
    for (const request of this.#pending.values()) if (!queued.has(request)) this.#enqueue(request);
    if (this.#wasOpen) this.#notify({ kind: 'recovered' });
    this.#wasOpen = true;
  }

  #sendSubscribe(subscription: number, query: Ast): void {
    this.send('subscribe', { query, subscription }, (error) => {
      const subscriber = this.#subscribers.get(subscription)?.[1];
      if (!error || !subscriber) return;
      this.#subscribers.delete(subscription);
      subscriber.error(error);
    });
  }

  #enqueue(request: Request): void {
    this.#queue.push(request);
    if (this.#queue.length === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    if (this.#queue.length === 0) return;
    const [oldest = this.#lastNumber + 1] = this.#pending.keys();
    if (oldest - 1 - this.#confirmed >= UNCONFIRMED_MAX) {
      this.#confirmed = oldest - 1;
      this.send('confirm', { upTo: this.#confirmed }, () => {});
    }
    const requests = this.#queue;
    this.#queue = [];
    this.#post(requests);
  }

  #post(requests: readonly Request[]): void {
    // Names in their order, which are read in one pass.
    const asked = requests.map(({ number, kind, members, ops }) => {
      return { kind, number, ops, ...members };
    });
    this.#port?.send(binaryOf({ requests: asked, tab: this.#tab }));
  }
}

type Operation = readonly [op: string, collection: string, id: string, fields?: readonly Json[]];

/** An operation with its parts and fields by name. */
function readable(
  [op, collection, id, fields]: Operation,
  collections: WireSchema['collections'],
): object {
  const named = (value: Json, at: number, all: readonly Json[]): [string, Json][] => {
    if (at % 2 === 0) return [];
    const field = collections[collection]?.fields[all[at - 1] as number];
    return [[field?.name as string, value]];
  };
  const byName = fields && { fields: Object.fromEntries(fields.flatMap(named)) };
  return { op, collection, id, ...byName };
}

function lostTransaction(): HolmError {
  return new HolmError(
    'transaction_conflict',
    'The engine was restarted during the transaction. Nothing was changed; run it again.',
    { retryable: true },
  );
}
