// The page of the browser tests. Tests drive it through `app`, with functions that run here.
import { createDatabase, defineSchema, HolmError, removeDatabase, t } from '/dist/index.js';
import { digestOf, filmsFrom, marksOf, odds, textOf } from './documents.mjs';
import { fileNames, readFiles, writeFile } from './files.mjs';

const schema = defineSchema({
  version: 1,
  collections: {
    films: {
      title: t.string().index(),
      director: t.string().nullable(),
      genre: t.string().nullable().index(),
      rating: t.float().nullable().index(),
      votes: t.int().nullable(),
      source: t.json().nullable(),
    },
    odds: {
      bytes: t.bytes().nullable(),
      json: t.json().nullable(),
      list: t.list(t.string()).default([]),
      when: t.timestamp().nullable(),
      mood: t.enum('good', 'bad').default('good'),
    },
    marks: { n: t.int(), k: t.int(), text: t.string() },
  },
});

/** Writes under way at any time in `writeWithoutEnd`. */
const LANES = 4;

/** Both ways to write several documents together. */
function writeMarks(n) {
  const { mutate } = app.db;
  if (n % 2 === 0) return mutate.marks.insertMany(marksOf(n), { atomic: true }).saved;
  return app.db.transaction((tx) => {
    for (const mark of marksOf(n)) tx.mutate.marks.insert(mark);
  });
}

/** For who reads the console, and for who asks. */
function say(line) {
  app.said.push(line);
  console.log(line);
}

globalThis.app = {
  db: undefined,
  /** Lines that nobody has asked for yet. */
  said: [],
  /** Given to the server when it asks; a test may change it. */
  token: null,
  /** With which server `db` synchronises. */
  sync: undefined,
  createDatabase,
  removeDatabase,
  schema,
  odds,
  textOf,
  digestOf,
  fileNames,
  readFiles,
  writeFile,

  /** Opens a database; what its status says and how long it took. */
  async open({ name, sync, token }) {
    app.token = token ?? null;
    app.sync = sync;
    const began = performance.now();
    app.db = await app.create({ name, sync });
    const { storage, sync: link } = app.db.status.current;
    return { storage, sync: link, ms: performance.now() - began };
  },

  /** A database that the test keeps itself. */
  create({ name, sync }) {
    const more = sync && { sync: { ...sync, token: () => app.token } };
    return createDatabase({ name, schema, ...more });
  },

  async films() {
    const response = await fetch('/data/movies.json');
    return filmsFrom(await response.json());
  },

  /** How many documents a collection has, and the digest of all of them by id. */
  async contents(collection, db = app.db) {
    const rows = await db.query[collection].get();
    return { count: rows.length, digest: await digestOf(rows) };
  },

  /** Writes until the page ends, several at a time, each as one transaction (parts/ledger.mjs). */
  writeWithoutEnd(first) {
    let next = first;
    const lane = async () => {
      for (;;) {
        const n = next;
        next += 1;
        say(`started ${n}`);
        await writeMarks(n);
        say(`saved ${n}`);
      }
    };
    for (let lanes = 0; lanes < LANES; lanes += 1) {
      lane().catch((error) => say(`failed ${error.code}: ${error.message}`));
    }
  },

  /** The writes that are there: number and documents of each, and what is not as it was written. */
  async readWrites() {
    const rows = await app.db.query.marks.orderBy('n').orderBy('k').get();
    const pieces = new Map();
    const spoilt = [];
    for (const { n, k, text } of rows) {
      pieces.set(n, pieces.has(n) ? `${pieces.get(n)},${k}` : String(k));
      if (text !== marksOf(n)[k]?.text) spoilt.push(`${n}/${k}`);
    }
    return { pieces: [...pieces], spoilt };
  },

  /** What a call fails with: null when it does not. */
  async errorOf(call) {
    try {
      await call();
      return null;
    } catch (error) {
      // What was to be written may be megabytes, which drivers carry slowly.
      const { code, message, retryable } = error;
      const { operations: _, ...details } = error.details;
      return { isHolm: error instanceof HolmError, code, message, retryable, details };
    }
  },
};
