// What the contestants that speak SQL share: the table, its rows, and the queries.

/** Columns in the order of an insert, with their types in SQLite. */
const COLUMNS = {
  id: 'TEXT PRIMARY KEY',
  title: 'TEXT',
  body: 'TEXT',
  status: 'TEXT',
  priority: 'INT',
  projectId: 'TEXT',
  assigneeId: 'TEXT',
  createdAt: 'BIGINT',
  updatedAt: 'BIGINT',
  labels: 'TEXT',
};

const names = Object.keys(COLUMNS);

/** Names in quotes: PostgreSQL would make them lower case. */
const quoted = names.map((name) => `"${name}"`);

/** The definition of the columns. */
export const DEFINITION = names.map((name) => `"${name}" ${COLUMNS[name]}`).join(', ');

/** The index that the queries need. */
export const INDEX = 'CREATE INDEX IF NOT EXISTS open ON issues ("status", "updatedAt" DESC, "id")';

const marks = names.map(() => '?');
export const INSERT = `INSERT INTO issues (${quoted}) VALUES (${marks})`;

/** Takes one JSON array of all rows. */
const types = names.map((name) => `"${name}" ${COLUMNS[name].split(' ')[0]}`);
const table = `json_to_recordset($1) AS row (${types})`;
export const INSERT_JSON = `INSERT INTO issues SELECT * FROM ${table}`;

export const toRow = (issue) => ({ ...issue, labels: JSON.stringify(issue.labels) });
export const toValues = (issue) => {
  const row = toRow(issue);
  return names.map((name) => row[name]);
};
export const toIssue = (row) => ({ ...row, labels: JSON.parse(row.labels) });

/** The queries of a contestant whose `select` gives rows as objects, now or later. */
export function queries(select, mark = '?') {
  const issues = async (where, bind) =>
    (await select(`SELECT * FROM issues ${where}`, bind)).map(toIssue);
  const ids = async (where, bind) =>
    (await select(`SELECT "id" FROM issues WHERE "status" = 'open' ${where}`, bind)).map(
      ({ id }) => id,
    );
  return {
    newestOpen: () => ids('ORDER BY "updatedAt" DESC, "id" LIMIT 50', []),
    openSince: (time) => ids(`AND "updatedAt" >= ${mark} ORDER BY "updatedAt" DESC, "id"`, [time]),
    get: async (id) => (await issues(`WHERE "id" = ${mark}`, [id]))[0],
    withPriority: (priority) => issues(`WHERE "priority" = ${mark}`, [priority]),
    all: () => issues('', []),
  };
}
