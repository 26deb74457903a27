// SQLite in WebAssembly on OPFS, by its pool of access handles: its fastest form.
import init from '@sqlite.org/sqlite-wasm';
import { serve } from './remote.mjs';
import { DEFINITION, INDEX, INSERT, queries, toValues } from './sql.mjs';

serve(async () => {
  const sqlite = await init({ print: () => {}, printErr: () => {} });
  const pool = await sqlite.installOpfsSAHPoolVfs({});
  const db = new pool.OpfsSAHPoolDb('/bench.db');
  db.exec(`
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS issues (${DEFINITION}) WITHOUT ROWID;
    ${INDEX};
  `);
  const insert = db.prepare(INSERT);
  const add = (issue) => {
    insert.bind(toValues(issue)).stepReset();
  };
  const select = (sql, bind) =>
    db.exec({ sql, bind, rowMode: 'object', returnValue: 'resultRows' });
  return {
    kind: 'opfs',
    insertOne: add,
    insertAll: (all) => db.transaction(() => all.forEach(add)),
    ...queries(select),
  };
});
