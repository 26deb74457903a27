// An engine that answers as a test tells it to: the messages of docs/PAGE.md without a database.
import { openDatabase } from '../client.ts';
import type { Connection, Port } from '../connection.ts';
import type { WireError } from '../error.ts';
import type { Answer, Message, WireStatus } from '../message.ts';
import { defineSchema, t } from '../schema.ts';
import type { Json } from '../value.ts';
import { BinaryReader } from './binary-reader.ts';

export const films = defineSchema({
  version: 1,
  collections: {
    films: {
      title: t.string(),
      rating: t.float().nullable(),
      genre: t.enum('drama', 'comedy').default('drama'),
      released: t.timestamp().nullable(),
      poster: t.bytes().nullable(),
      extra: t.json().nullable(),
    },
    people: { name: t.string() },
  },
});

export const HEALTHY: WireStatus = {
  storage: {
    kind: 'opfs',
    durable: true,
    state: 'ok',
    message: null,
    bytes: 0,
    full: false,
    cutBytes: 0,
    indexing: 0,
  },
  sync: { state: 'off', reason: null, until: null, pulled: false, version: null },
  outbox: { queued: 0, sent: 0, accepted: 0, rejected: 0, quarantined: 0 },
};

export interface Received {
  readonly tab: number;
  readonly number: number;
  readonly kind: string;
  readonly [member: string]: unknown;
}

/** What a request is answered with; undefined leaves it unanswered. */
type Reply = { readonly ok: Answer } | { readonly error: WireError } | undefined;

export const refuse = (code: string, retryable = false): Reply => ({
  error: { code, message: `refused: ${code}`, retryable, details: {} },
});

export class ScriptedEngine {
  /** Every request, in order. */
  readonly requests: Received[] = [];
  /** The kinds of the requests of each message. */
  readonly messages: string[][] = [];
  /** Messages of the page that were fatal, and how often a port was closed. */
  readonly fatals: string[] = [];
  closed = 0;
  private readonly answers = new Map<string, (request: Received) => Reply>();
  private connection: Connection | undefined;
  private port: Port | undefined;
  private entry = 0;

  constructor() {
    this.on('open', () => ({ ok: { replica: '0'.repeat(20), status: HEALTHY } }));
    this.on('write', () => ({ ok: { entry: this.nextEntry() } }));
    this.on('commit', () => ({ ok: { entry: this.nextEntry() } }));
    this.on('get', () => ({ ok: { rows: [] } }));
    this.on('tx_get', () => ({ ok: { rows: [] } }));
  }

  on(kind: string, answer: (request: Received) => Reply): void {
    this.answers.set(kind, answer);
  }

  nextEntry(): number {
    this.entry += 1;
    return this.entry;
  }

  readonly run = (connection: Connection): (() => void) => {
    this.connection = connection;
    this.start();
    return () => this.lose();
  };

  open() {
    return openDatabase({ name: 'test', schema: films }, this.run);
  }

  start(): void {
    const port: Port = {
      send: (bytes) => queueMicrotask(() => this.port === port && this.take(bytes)),
      fatal: (message) => this.fatals.push(message),
      close: () => {
        this.closed += 1;
      },
    };
    this.port = port;
    this.connection?.attach(port);
  }

  /** The engine is gone, with everything that is on the way. */
  lose(): void {
    this.port = undefined;
    this.connection?.detach();
  }

  fail(error: Parameters<Connection['fail']>[0]): void {
    this.connection?.fail(error);
  }

  say(...messages: readonly (Message | object)[]): void {
    this.connection?.receive(new TextEncoder().encode(JSON.stringify({ messages })));
  }

  /** Requests of one kind. */
  of(kind: string): Received[] {
    return this.requests.filter((request) => request.kind === kind);
  }

  /** The last request of a kind. */
  last(kind: string): Received {
    const request = this.of(kind).at(-1);
    if (!request) throw new Error(`no request of kind ${kind}`);
    return request;
  }

  private take(bytes: Uint8Array): void {
    const { tab, requests } = readMessage(bytes);
    const received = requests.map((request) => ({ ...request, tab }));
    this.requests.push(...received);
    this.messages.push(received.map(({ kind }) => kind));
    const replies = received.flatMap((request) => {
      const answer = this.answers.get(request.kind) ?? (() => ({ ok: {} }));
      const reply = answer(request);
      return reply ? [{ kind: 'reply', number: request.number, ...reply }] : [];
    });
    if (replies.length > 0) this.say(...replies);
  }
}

/** A message of the page, with its operations as lists. */
export function readMessage(bytes: Uint8Array): { tab: number; requests: Received[] } {
  const message = new BinaryReader(bytes).read() as { tab: number; requests: Received[] };
  const withOperations = (request: Received): Received => {
    if (!(request.ops instanceof Uint8Array)) return request;
    const reader = new BinaryReader(request.ops);
    const ops: Json[] = [];
    while (!reader.isDone) ops.push(reader.read());
    return { ...request, ops };
  };
  return { tab: message.tab, requests: message.requests.map(withOperations) };
}

/** Lets all microtasks, and what waits for the next turn, run: for a message or for a timer. */
export async function settled(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  await new Promise((resolve) => {
    port1.onmessage = resolve;
    port2.postMessage(null);
  });
  port1.close();
  await new Promise<void>((resolve) => setTimeout(resolve));
}

/** Pseudo-random whole numbers below n, from a seed. */
export function random(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}
