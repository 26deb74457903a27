// The builds everything else stands on: npm packages, the WebAssembly module, JavaScript, the
// server, the example. Each is skipped when its inputs have not changed.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildIfStale } from './fresh.mjs';
import { must, root, run, StepFailed } from './shell.mjs';

const RUST_INPUTS = ['Cargo.toml', 'Cargo.lock', '.cargo', 'src', 'worker', 'xtask'];

export const bin = (name) => join(root, 'node_modules/.bin', name);

/**
 * Installs what the lock file says, unless that is what is there. Not `npm ci`: it refuses a lock
 * that lacks another platform's optional packages, and npm writes such a lock where a registry
 * does not have them.
 */
export async function installNpmPackages() {
  if (npmPackagesMatch()) return console.log('npm packages: up to date');
  await must('npm', ['install', '--no-save', '--no-audit', '--no-fund']);
}

function npmPackagesMatch() {
  const installed = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installed)) return false;
  const want = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const have = JSON.parse(readFileSync(installed, 'utf8')).packages;
  return Object.entries(want).every(([path, entry]) => {
    if (path === '') return true;
    if (!have[path]) return entry.optional === true || entry.devOptional === true;
    return have[path].version === entry.version && existsSync(join(root, path));
  });
}

/** What `cargo xtask` runs. */
export async function buildXtask() {
  await must('cargo', ['build', '--locked', '--package', 'xtask']);
}

/** `dist/wasm`, by `route`. */
export async function buildWasm(route) {
  const binaryen = 'node_modules/binaryen/package.json';
  const outputs = ['.js', '_bg.wasm', '_bg.packed.wasm', '_bg.names'].map(
    (end) => `dist/wasm/holm_worker${end}`,
  );
  const job = { name: 'wasm', inputs: [...RUST_INPUTS, binaryen], outputs, extra: route };
  const built = await buildIfStale(job, () => must('cargo', ['xtask', 'wasm', '--route', route]));
  if (!built) console.log(`WebAssembly (${route} route): up to date`);
}

/** `dist/*.js` and their types. */
export async function buildJs() {
  const inputs = ['js', 'package.json', 'tsconfig.json', 'tsconfig.build.json', 'dist/wasm'];
  const job = { name: 'js', inputs, outputs: ['dist/index.js', 'dist/index.d.ts'] };
  const built = await buildIfStale(job, async () => {
    removeOldJs();
    await must(bin('tsc'), ['-p', 'tsconfig.build.json']);
    requireExports();
  });
  if (!built) console.log('JavaScript: up to date');
}

/** A source file that is gone must not live on in `dist`. */
function removeOldJs() {
  const dist = join(root, 'dist');
  if (!existsSync(dist)) return;
  for (const name of readdirSync(dist).filter((name) => name !== 'wasm')) {
    rmSync(join(dist, name), { recursive: true });
  }
}

/** What package.json promises to those who import the package must be there. */
function requireExports() {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const paths = Object.values(exports).flatMap((entry) => Object.values(Object(entry)));
  const absent = paths.filter((path) => path.startsWith('./dist') && !existsSync(join(root, path)));
  if (absent.length > 0) throw new StepFailed(`package.json exports what is not there: ${absent}`);
}

/** Path of the server's release build. Cargo itself skips what is up to date. */
export async function buildServer() {
  await must('cargo', ['build', '--locked', '--release', '--package', 'holm-server']);
  const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
  return join(target, 'release/holm-server');
}

/**
 * The crates of this machine, by the features their dependencies are built with: all but the
 * module, which is for another target; and the tool that builds it, as it is for `cargo xtask`.
 * With bugs to switch on, so that suites with them and without are compiled once; without them are
 * the module and the server as it ships.
 */
const EXCLUDED = ['--exclude', 'holm-worker', '--exclude', 'xtask'];
const LIBRARIES = ['--workspace', ...EXCLUDED, '--features', 'holm/planted'];
const HOST_CRATES = [LIBRARIES, ['--package', 'xtask']];

/** Linted while they are compiled: by itself that would check every dependency once more. */
const LINTED = { RUSTC_WORKSPACE_WRAPPER: 'clippy-driver' };

function runTests(selection, args, options) {
  return run('cargo', ['test', '--locked', ...selection, ...args], { env: LINTED, ...options });
}

/** Compiles the tests. Gives the exit code, and cargo's messages as JSON. */
export async function compiledTests() {
  const args = ['--no-run', '--message-format', 'json'];
  const runs = [];
  for (const crates of HOST_CRATES) runs.push(await runTests(crates, args, { show: false }));
  const code = runs.find((done) => done.code !== 0)?.code ?? 0;
  return { code, output: runs.map(({ output }) => output).join('') };
}

/** Runs the examples in the documentation. */
export function runExamples() {
  return runTests(LIBRARIES, ['--doc']);
}

/**
 * The unit tests, and with them the server for tests. By itself it would be made of the same crates
 * with other features, and all of them compiled twice.
 */
export async function buildTests() {
  for (const crates of HOST_CRATES) {
    const { code } = await runTests(crates, ['--no-run']);
    if (code !== 0) throw new StepFailed('the tests do not compile');
  }
}

/** `examples/films/dist`, for a server at `serverUrl`. */
export async function buildExample(serverUrl = 'http://127.0.0.1:8787') {
  const inputs = ['dist', 'examples/films', 'package-lock.json'];
  const outputs = ['examples/films/dist/index.html'];
  const job = { name: 'films', inputs, outputs, extra: serverUrl };
  const cwd = join(root, 'examples/films');
  const env = { VITE_HOLM_URL: serverUrl };
  const built = await buildIfStale(job, () => must(bin('vite'), ['build'], { cwd, env }));
  if (!built) console.log('example: up to date');
}
