// A process that writes to a database on files until it is killed: `writer.mjs DIRECTORY FIRST`.
// Says `open`, then `started N` and `saved N`; or `refused CODE`.
import { createDatabase, defineSchema, t } from '../../dist/index.js';

const [directory, first] = process.argv.slice(2);
const schema = defineSchema({
  version: 1,
  collections: { marks: { n: t.int(), k: t.int(), text: t.string() } },
});
const LANES = 4;
/** Marks of each write. */
const EACH = 3;

const say = (line) => process.stdout.write(`${line}\n`);

async function lane(db, next) {
  for (;;) {
    const n = next();
    say(`started ${n}`);
    const text = `${n} `.repeat(n % 8 === 0 ? 20_000 : n % 200);
    const marks = Array.from({ length: EACH }, (_, k) => ({ id: `${n}/${k}`, n, k, text }));
    await db.mutate.marks.insertMany(marks, { atomic: true }).saved;
    say(`saved ${n}`);
  }
}

try {
  const db = await createDatabase({ name: 'marks', schema, directory });
  say('open');
  let n = Number(first) - 1;
  const next = () => {
    n += 1;
    return n;
  };
  await Promise.all(Array.from({ length: LANES }, () => lane(db, next)));
} catch (error) {
  say(`refused ${error.code}: ${error.message}`);
}
