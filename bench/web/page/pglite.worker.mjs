// PostgreSQL in WebAssembly on OPFS, by its pool of access handles.
import { PGlite } from '@electric-sql/pglite';
import { OpfsAhpFS } from '@electric-sql/pglite/opfs-ahp';
import { serve } from './remote.mjs';
import { DEFINITION, INDEX, INSERT_JSON, queries, toRow } from './sql.mjs';

serve(async () => {
  const db = await PGlite.create({ fs: new OpfsAhpFS('bench') });
  await db.exec(`CREATE TABLE IF NOT EXISTS issues (${DEFINITION}); ${INDEX};`);
  const insertAll = (all) => db.query(INSERT_JSON, [JSON.stringify(all.map(toRow))]);
  const select = async (sql, bind) => (await db.query(sql, bind)).rows;
  return {
    kind: 'opfs',
    insertOne: (issue) => insertAll([issue]),
    insertAll: (all) => insertAll(all).then(() => {}),
    ...queries(select, '$1'),
  };
});
