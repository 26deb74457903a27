// Holm as it ships. On which rung is decided by what the server of the page hides.
import { createDatabase, defineSchema, t } from '/dist/index.js';

const FIELDS = {
  title: t.string(),
  body: t.string(),
  status: t.string(),
  priority: t.int(),
  projectId: t.string(),
  assigneeId: t.string(),
  createdAt: t.timestamp(),
  updatedAt: t.timestamp(),
  labels: t.list(t.string()),
};

const idsOf = (rows) => rows.map(({ id }) => id);

/** A database that queues what it writes for a server. */
export const open = () => openWith(FIELDS);

/** One whose documents never leave the device. */
export const openLocal = () => openWith(t.local(FIELDS));

/** A database with the indexes that the live workloads need. */
export const openLive = async (fields = FIELDS) => {
  const indexes = [
    ['status', 'updatedAt'],
    ['projectId', 'assigneeId', 'updatedAt'],
  ];
  const schema = defineSchema({
    version: 1,
    collections: { issues: fields },
    indexes: { issues: indexes },
  });
  const db = await createDatabase({ name: 'live', schema });
  const latest = db.query.issues.orderBy('updatedAt', 'desc');
  return {
    kind: db.status.storage.kind,
    insertAll: (all) => db.mutate.issues.insertMany(all).saved,
    update: (id, change) => db.mutate.issues.update(id, change).saved,
    watchTop: (show) =>
      latest
        .where('status', '=', 'open')
        .where('priority', '>=', 2)
        .limit(50)
        .subscribe(({ rows }) => show(rows)),
    watchPairs: (pairs, show) => {
      const stops = pairs.map(([project, assignee], nth) =>
        latest
          .where('projectId', '=', project)
          .where('assigneeId', '=', assignee)
          .limit(20)
          .subscribe(({ rows }) => show(nth, rows)),
      );
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
};

export const openLiveLocal = () => openLive(t.local(FIELDS));

async function openWith(collection) {
  const schema = defineSchema({
    version: 1,
    collections: { issues: collection },
    indexes: { issues: [['status', 'updatedAt']] },
  });
  const db = await createDatabase({ name: 'bench', schema });
  const { issues } = db.query;
  const open = issues.where('status', '=', 'open').orderBy('updatedAt', 'desc');
  return {
    kind: db.status.storage.kind,
    insertOne: (issue) => db.mutate.issues.insert(issue).saved,
    insertAll: (all) => db.mutate.issues.insertMany(all).saved,
    newestOpen: async () => idsOf(await open.limit(50).get()),
    openSince: async (ms) => idsOf(await open.where('updatedAt', '>=', new Date(ms)).get()),
    get: async (id) => (await issues.where('id', '=', id).get())[0],
    withPriority: (priority) => issues.where('priority', '=', priority).get(),
    all: () => issues.get(),
  };
}
