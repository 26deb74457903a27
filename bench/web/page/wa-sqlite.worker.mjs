// SQLite by wa-sqlite, on OPFS with the file system that lets tabs take turns.
import * as SQLite from '@journeyapps/wa-sqlite';
import init from '@journeyapps/wa-sqlite/dist/wa-sqlite.mjs';
import { OPFSCoopSyncVFS } from '@journeyapps/wa-sqlite/src/examples/OPFSCoopSyncVFS.js';
import { serve } from './remote.mjs';
import { DEFINITION, INDEX, INSERT, queries, toValues } from './sql.mjs';

serve(async () => {
  const module = await init();
  const sqlite = SQLite.Factory(module);
  sqlite.vfs_register(await OPFSCoopSyncVFS.create('bench', module), true);
  const db = await sqlite.open_v2('bench.db');
  await sqlite.exec(
    db,
    `PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS issues (${DEFINITION}) WITHOUT ROWID;
    ${INDEX};`,
  );
  const prepared = new Map();
  const prepare = async (sql) => {
    if (!prepared.has(sql)) {
      for await (const each of sqlite.statements(db, sql, { unscoped: true })) {
        prepared.set(sql, each);
        break;
      }
    }
    return prepared.get(sql);
  };
  const insert = await prepare(INSERT);
  const add = async (issue) => {
    sqlite.bind_collection(insert, toValues(issue));
    await sqlite.step(insert);
    await sqlite.reset(insert);
  };
  const select = async (sql, bind) => {
    const statement = await prepare(sql);
    sqlite.bind_collection(statement, bind);
    const columns = sqlite.column_names(statement);
    const rows = [];
    while ((await sqlite.step(statement)) === SQLite.SQLITE_ROW) {
      const values = sqlite.row(statement);
      rows.push(Object.fromEntries(columns.map((name, at) => [name, values[at]])));
    }
    await sqlite.reset(statement);
    return rows;
  };
  return {
    kind: 'opfs',
    insertOne: add,
    insertAll: async (all) => {
      await sqlite.exec(db, 'BEGIN');
      for (const issue of all) await add(issue);
      await sqlite.exec(db, 'COMMIT');
    },
    ...queries(select),
  };
});
