// The stages of `npm test`, in order. A stage returns { passed, failed }; one that throws has
// failed. `needs` are the files or folders without which a stage cannot mean anything: their
// absence is a failure, never a skip.
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  bin,
  buildExample,
  buildJs,
  buildTests,
  buildWasm,
  compiledTests,
  runExamples,
} from './builds.mjs';
import {
  cargoCounts,
  plainCounts,
  settle,
  specCounts,
  testPrograms,
  vitestCounts,
  warningsIn,
} from './counts.mjs';
import { filesUnder } from './fresh.mjs';
import { inLanes, longFirst } from './lanes.mjs';
import { findBrowser } from './needs.mjs';
import { root, run, together } from './shell.mjs';
import { checkSizes } from './sizes.mjs';

const SIM_SEEDS = 300;

export const stages = [
  {
    name: 'build',
    needs: ['worker/src/lib.rs', 'js/index.ts', 'examples/films/package.json'],
    go: build,
  },
  { name: 'format', needs: ['js', 'src'], go: format },
  { name: 'lints', needs: ['js', 'src', 'server/src', 'sim/src', 'worker/src'], go: lints },
  { name: 'types', needs: ['js', 'tests/web', 'examples/films'], go: types },
  { name: 'unit', needs: ['src', 'tests/tidy.rs'], go: unit },
  { name: 'js', needs: ['js'], go: jsUnit },
  { name: 'simulation', needs: ['sim/src/main.rs'], go: simulation },
  { name: 'sweeps', needs: ['sim/src/sweep.rs', 'sim/samples'], go: sweeps },
  { name: 'ports', needs: ['worker/tests/ports.mjs'], go: ports },
  { name: 'browsers', needs: ['tests/web', 'examples/films'], go: browsers },
  { name: 'size', needs: ['dist/index.js'], go: size },
];

/** What of a stage's needs is not there. */
export function lacking(stage) {
  return stage.needs.filter((path) => !existsSync(join(root, path)));
}

/** One check without a count of its own, made of commands that must all end with 0. */
async function checks(...commands) {
  let failed = 0;
  for (const [command, ...args] of commands) {
    const { code } = await run(command, args);
    if (code !== 0) failed += 1;
  }
  return { passed: commands.length - failed, failed };
}

/** The module's last steps are of one thread. */
async function build({ route }) {
  await together(buildWasm(route), buildTests());
  await buildJs();
  await buildExample();
  return { passed: 1, failed: 0 };
}

function format() {
  return checks(['cargo', 'fmt', '--all', '--', '--check', '-l'], [bin('biome'), 'format', '.']);
}

/**
 * What the compiler and clippy said of the crates of this machine when they were built; then of the
 * engine without features, and of the worker.
 */
async function lints() {
  const shipped = ['--package', 'holm', '--package', 'holm-worker', '--message-format', 'json'];
  const runs = [
    await compiledTests(),
    await run('cargo', ['clippy', '--locked', ...shipped], { show: false }),
  ];
  const rust = sum(runs.map(({ code, output }) => lintCounts(code, warningsIn(output))));
  return sum([rust, await checks([bin('biome'), 'lint', '--error-on-warnings', '.'])]);
}

function lintCounts(code, warnings) {
  for (const warning of warnings) console.error(warning);
  const failed = code !== 0 || warnings.length > 0;
  return { passed: Number(!failed), failed: Number(failed) };
}

function types() {
  const own = filesUnder('examples').filter((file) => file.endsWith('/tsconfig.json'));
  const projects = ['tsconfig.json', ...own];
  return checks(...projects.map((project) => [bin('tsc'), '--noEmit', '-p', project]));
}

/** The programs of tests that take longest, and so begin first. */
const LONG_PROGRAMS = ['heap', 'holm', 'worlds'];

/** Everything but the module, with no bug and with each that the suites must catch. */
async function unit() {
  const { code, output } = await compiledTests();
  if (code !== 0) return { passed: 0, failed: 1 };
  const programs = longFirst(testPrograms(output), LONG_PROGRAMS);
  const jobs = programs.map(({ path, cwd }) => async () => {
    const done = await run(path, [], { cwd, show: false });
    console.log(`${path}\n${done.output}`);
    return done;
  });
  const runs = [...(await inLanes(jobs)), await runExamples()];
  const all = runs.map((done) => done.output).join('\n');
  return settle(cargoCounts(all), runs.find((done) => done.code !== 0)?.code ?? 0);
}

function sum(counts) {
  const total = (name) => counts.reduce((all, each) => all + each[name], 0);
  return { passed: total('passed'), failed: total('failed') };
}

/** Tests of JavaScript wait more than they work, and leave a core to the module for ports. */
async function jsUnit({ route, only }) {
  if (only.includes('ports')) void portsModule(route);
  const file = reportFile('vitest.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const { code } = await run(bin('vitest'), ['run', ...reporters]);
  return settle(vitestCounts(file), code);
}

/** The simulator, with bugs to switch on, so that it is compiled once. */
async function simulator(...args) {
  const sim = ['--profile', 'sweep', '--package', 'holm-sim', '--features', 'planted'];
  const { code, output } = await run('cargo', ['run', '--locked', ...sim, '--', ...args]);
  return settle(plainCounts(output), code);
}

/** Random worlds; then worlds with a planted bug each, which must be caught. */
async function simulation() {
  const ordinary = await simulator('run', '--seeds', String(SIM_SEEDS));
  return sum([ordinary, await simulator('planted')]);
}

/** The store and the decoders; then the sweeps against the bugs that they must catch. */
async function sweeps() {
  return sum([await simulator('sweep'), await simulator('sweep-planted')]);
}

const PORTS_MODULE = 'target/wasm-testing';
let portsModuleBuilt;

/** Builds the module that carries the exports to drive the worker's ports, once. */
function portsModule(route) {
  const build = ['wasm', '--route', route, '--features', 'testing', '--out', PORTS_MODULE];
  portsModuleBuilt ??= run('cargo', ['xtask', ...build], { show: false });
  return portsModuleBuilt;
}

/** The worker's ports, one by one. */
async function ports({ route, browsers: names }) {
  const built = await portsModule(route);
  if (built.code !== 0) {
    console.error(built.output);
    return { passed: 0, failed: 1 };
  }
  const places = ['node', ...names].join(',');
  const env = browserPaths(names);
  const args = ['worker/tests/ports.mjs', PORTS_MODULE, `--browsers=${places}`];
  const { code, output } = await run(process.execPath, args, { env });
  return settle(plainCounts(output), code);
}

/** Where the tests find their browsers. */
function browserPaths(names) {
  const paths = names.map((name) => [`HOLM_${name.toUpperCase()}`, findBrowser(name)]);
  return Object.fromEntries(paths);
}

/** The test files that take longest. */
const LONG_FILES = ['storage', 'kills', 'films'];

/** Each test file is a process of node's runner. */
async function browsers({ browsers: names }) {
  const folder = join(root, 'tests/web');
  const end = '.test.mjs';
  const files = readdirSync(folder).filter((file) => file.endsWith(end));
  if (files.length === 0) throw new Error(`tests/web holds no *${end}`);
  const env = { HOLM_BROWSERS: names.join(','), ...browserPaths(names) };
  const options = ['--test', '--test-force-exit', '--test-reporter=spec'];
  const named = files.map((file) => ({ name: file.slice(0, -end.length), file }));
  const jobs = longFirst(named, LONG_FILES).map(({ file }) => async () => {
    const { code, output } = await run(process.execPath, [...options, join(folder, file)], { env });
    return settle(specCounts(output), code);
  });
  return sum(await inLanes(jobs));
}

async function size({ route }) {
  return (await checkSizes(route)) ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** A fresh place for a runner's report: a report of an earlier run must not be counted. */
function reportFile(name) {
  const folder = join(root, 'target/reports');
  mkdirSync(folder, { recursive: true });
  rmSync(join(folder, name), { force: true });
  return join(folder, name);
}
