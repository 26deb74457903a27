// `npm run test:long -- --minutes N`: the simulator and the sweeps for as long as there is time,
// with seeds that were not tried before, then kills in real browsers, and one table of counts at
// the end.
//
//   --minutes=30    how long simulator and sweeps, in all (30)
//   --start=17      the seed to begin with; the same one does the same again
//   --kills=1000    how many kills must count (1000, about half an hour; 0 for none)
import { buildJs, buildWasm } from './parts/builds.mjs';
import { bringWasmRoute } from './parts/needs.mjs';
import { must, run, StepFailed, secondsSince } from './parts/shell.mjs';

const SHARES = { simulation: 40, sweeps: 60 };
const SIM = ['--locked', '--profile', 'sweep', '--package', 'holm-sim'];
const args = process.argv.slice(2);
const started = Date.now();

function option(name, otherwise) {
  const at = args.indexOf(`--${name}`);
  const joined = args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
  const given = joined ?? (at < 0 ? undefined : args[at + 1]);
  if (given === undefined) return otherwise;
  const number = Number(given);
  if (!(number >= 0)) throw new StepFailed(`--${name}: ${given} is not a number from 0 on`);
  return number;
}

/** Runs the program, and reads `name: count` and `part: name: count` from what it prints. */
async function counted(part, command) {
  const { code, output } = await run('cargo', ['run', ...SIM, '--', ...command]);
  const rows = [...output.matchAll(/^(?:(\w+): )?([\w$ ]+): (\d+)$/gm)];
  const counts = rows.map(([, of, what, count]) => [of ?? part, what, Number(count)]);
  const faults = [...output.matchAll(/^(\w+): faults: (.*)$/gm)].flatMap(([, of, list]) =>
    list
      .split(', ')
      .map((item) => [of, item.split(' ')[0].toLowerCase(), Number(item.split(' ')[1])]),
  );
  const [, passed, failed] = output.match(/(\d+) passed; (\d+) failed/) ?? [0, 0, 1];
  if (part === 'simulation')
    counts.unshift([part, 'seeds passed', +passed], [part, 'failed', +failed]);
  return { code, rows: [...counts, ...faults] };
}

/** So many kills that count, and how many of each kind and moment did. */
async function killed(count) {
  await buildWasm(await bringWasmRoute({ mode: 'install', mayInstall: false }));
  await buildJs();
  const options = ['--test-force-exit', '--test-reporter=spec'];
  const args = ['--test', ...options, 'tests/web/kills.test.mjs'];
  const env = { HOLM_KILLS: String(count) };
  const { code, output } = await run(process.execPath, args, { env });
  const ways = [...output.matchAll(/(\w+ in \w+): \d+ attempted, (\d+) counted/g)];
  return { code, rows: ways.map(([, way, counted]) => ['kills', way, Number(counted)]) };
}

function print(rows) {
  const words = { lost: 'lost acknowledged commits', half: 'half commits' };
  console.log(`\n${'part'.padEnd(12)}${'what'.padEnd(40)}${'count'.padStart(12)}`);
  for (const [part, what, count] of rows) {
    console.log(
      `${part.padEnd(12)}${(words[what] ?? what).padEnd(40)}${String(count).padStart(12)}`,
    );
  }
}

try {
  const minutes = option('minutes', 30);
  const kills = option('kills', 1000);
  const start = option('start', Math.floor(started / 1000));
  await must('cargo', ['build', ...SIM]);
  console.log(`${minutes} minutes from seed ${start} on`);
  const seconds = (share) => ['--seconds', String(Math.round((minutes * 60 * share) / 100))];
  const from = ['--start', String(start)];
  const worlds = await counted('simulation', ['run', ...from, ...seconds(SHARES.simulation)]);
  const sweeps = await counted('', ['sweep', '--endless', ...from, ...seconds(SHARES.sweeps)]);
  const browsers = kills > 0 ? await killed(kills) : { code: 0, rows: [] };
  print([...worlds.rows, ...sweeps.rows, ...browsers.rows]);
  const isGood = [worlds, sweeps, browsers].every(({ code }) => code === 0);
  console.log(`${isGood ? 'ok' : 'FAILED'}, ${secondsSince(started)} s, seed ${start}`);
  process.exitCode = isGood ? 0 : 1;
} catch (error) {
  console.error(error instanceof StepFailed ? error.message : error);
  process.exitCode = 1;
}
