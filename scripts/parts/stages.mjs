// The stages of `npm test`, in order. A stage returns { passed, failed }; one that throws has
// failed. `needs` are the files or folders without which a stage cannot mean anything: their
// absence is a failure, never a skip.
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bin, buildExample, buildJs, buildTests, buildWasm, HOST_CRATES } from './builds.mjs';
import { cargoCounts, plainCounts, settle, specCounts, vitestCounts } from './counts.mjs';
import { filesUnder } from './fresh.mjs';
import { findBrowser } from './needs.mjs';
import { root, run } from './shell.mjs';
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

async function build({ route }) {
  await buildWasm(route);
  await buildJs();
  await buildTests();
  await buildExample();
  return { passed: 1, failed: 0 };
}

function format() {
  return checks(['cargo', 'fmt', '--all', '--', '--check', '-l'], [bin('biome'), 'format', '.']);
}

function lints() {
  const deny = ['--', '--deny', 'warnings'];
  return checks(
    ['cargo', 'clippy', '--locked', '--workspace', '--all-targets', ...deny],
    ['cargo', 'clippy', '--locked', '--package', 'holm', '--all-targets', ...deny],
    [bin('biome'), 'lint', '--error-on-warnings', '.'],
  );
}

function types() {
  const own = filesUnder('examples').filter((file) => file.endsWith('/tsconfig.json'));
  const projects = ['tsconfig.json', ...own];
  return checks(...projects.map((project) => [bin('tsc'), '--noEmit', '-p', project]));
}

/**
 * Everything as shipped, and the suites with bugs that they must catch. The latter are compiled
 * while the former run, of which some are of one thread.
 */
async function unit() {
  const test = ['test', '--locked', '--no-fail-fast'];
  const suites = ['--lib', ...['engine', 'flushes', 'oracle'].flatMap((name) => ['--test', name])];
  const features = ['--package', 'holm', '--features', 'oracle,planted'];
  const shipped = run('cargo', [...test, ...HOST_CRATES]);
  const planted = run('cargo', [...test, ...features, ...suites], { show: false });
  const done = await Promise.all([shipped, planted]);
  console.log(done[1].output);
  return sum(done.map(({ code, output }) => settle(cargoCounts(output), code)));
}

function sum(counts) {
  const total = (name) => counts.reduce((all, each) => all + each[name], 0);
  return { passed: total('passed'), failed: total('failed') };
}

async function jsUnit() {
  const file = reportFile('vitest.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const { code } = await run(bin('vitest'), ['run', ...reporters]);
  return settle(vitestCounts(file), code);
}

/** Random worlds as shipped, then worlds with a planted bug each, which must be caught. */
async function simulation() {
  const cargo = ['run', '--locked', '--profile', 'sweep', '--package', 'holm-sim'];
  const ordinary = await run('cargo', [...cargo, '--', 'run', '--seeds', String(SIM_SEEDS)]);
  const planted = await run('cargo', [...cargo, '--features', 'planted', '--', 'planted']);
  return sum([ordinary, planted].map(({ code, output }) => settle(plainCounts(output), code)));
}

/** The store and the decoders as shipped; then the sweeps against the bugs they must catch. */
async function sweeps() {
  const cargo = ['run', '--locked', '--profile', 'sweep', '--package', 'holm-sim'];
  const ordinary = await run('cargo', [...cargo, '--', 'sweep']);
  const planted = await run('cargo', [...cargo, '--features', 'planted', '--', 'sweep-planted']);
  return sum([ordinary, planted].map(({ code, output }) => settle(plainCounts(output), code)));
}

/** The worker's ports, one by one, in a module that carries the exports to drive them. */
async function ports({ route, browsers: names }) {
  const folder = 'target/wasm-testing';
  const build = ['xtask', 'wasm', '--route', route, '--features', 'testing', '--out', folder];
  if ((await run('cargo', build)).code !== 0) return { passed: 0, failed: 1 };
  const places = ['node', ...names].join(',');
  const env = browserPaths(names);
  const args = ['worker/tests/ports.mjs', folder, `--browsers=${places}`];
  const { code, output } = await run(process.execPath, args, { env });
  return settle(plainCounts(output), code);
}

/** Where the tests find their browsers. */
function browserPaths(names) {
  const paths = names.map((name) => [`HOLM_${name.toUpperCase()}`, findBrowser(name)]);
  return Object.fromEntries(paths);
}

/**
 * Each test file is a process of node's runner, two at a time: the tests wait more than they work.
 */
async function browsers({ browsers: names }) {
  const folder = join(root, 'tests/web');
  const files = readdirSync(folder).filter((name) => name.endsWith('.test.mjs'));
  if (files.length === 0) throw new Error('tests/web holds no *.test.mjs');
  const env = { HOLM_BROWSERS: names.join(','), ...browserPaths(names) };
  const paths = files.sort().map((name) => join(folder, name));
  const options = ['--test-force-exit', '--test-concurrency=2', '--test-reporter=spec'];
  const args = ['--test', ...options, ...paths];
  const { code, output } = await run(process.execPath, args, { env });
  return settle(specCounts(output), code);
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
