// SQLite in WebAssembly on OPFS, by its pool of access handles: its fastest form.
import init from '@sqlite.org/sqlite-wasm';
import { serve } from './remote.mjs';

const COLUMNS = [
  'id',
  'title',
  'body',
  'status',
  'priority',
  'projectId',
  'assigneeId',
  'createdAt',
  'updatedAt',
  'labels',
];

const toRow = (issue) => ({ ...issue, labels: JSON.stringify(issue.labels) });
const toIssue = (row) => ({ ...row, labels: JSON.parse(row.labels) });

serve(async () => {
  const sqlite = await init({ print: () => {}, printErr: () => {} });
  const pool = await sqlite.installOpfsSAHPoolVfs({});
  const db = new pool.OpfsSAHPoolDb('/bench.db');
  db.exec(`
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS issues (id TEXT PRIMARY KEY, title TEXT, body TEXT, status TEXT,
      priority INT, projectId TEXT, assigneeId TEXT, createdAt INT, updatedAt INT, labels TEXT)
      WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS open ON issues (status, updatedAt DESC, id);
  `);
  const marks = COLUMNS.map(() => '?').join();
  const insert = db.prepare(`INSERT INTO issues VALUES (${marks})`);
  const add = (issue) => {
    const row = toRow(issue);
    insert.bind(COLUMNS.map((name) => row[name])).stepReset();
  };
  const select = (sql, bind) =>
    db.exec({ sql, bind, rowMode: 'object', returnValue: 'resultRows' });
  return {
    kind: 'opfs',
    insertOne: add,
    insertAll: (all) => db.transaction(() => all.forEach(add)),
    newestOpen: () =>
      select(`SELECT id FROM issues WHERE status = 'open'
        ORDER BY updatedAt DESC, id LIMIT 50`).map(({ id }) => id),
    get: (id) => toIssue(select('SELECT * FROM issues WHERE id = ?', [id])[0]),
    all: () => select('SELECT * FROM issues').map(toIssue),
  };
});
