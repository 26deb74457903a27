// What an app downloads for `import { createDatabase } from 'holm'`, as its bundler would ship it:
// minified, split into module, worker and page. The budget is on gzip, the sum of all three.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync, constants as zlib } from 'node:zlib';
import { bin } from './builds.mjs';
import { shareOf } from './share.mjs';
import { must, root, run, StepFailed } from './shell.mjs';

const BUDGET_BYTES = 130 * 1024;
const ROUTES = ['rustup', 'debian'];
/** Of the module, for the store. */
const STORE_BYTES = 45 * 1024;
/** What the store is: itself, its checksums, and the map of its memtables. */
const IS_STORE = /\bholm\[\w+\]::(store|sorted::blocks)::|\bxxhash_rust\[/;

/**
 * Prints the table for `route` and for the other route where it is there. Returns whether the
 * budget holds.
 */
export async function checkSizes(route) {
  const parts = await javascriptParts();
  let holds = true;
  for (const candidate of [route, ...ROUTES.filter((other) => other !== route)]) {
    const folder = await buildOf(candidate, route);
    if (folder === null) {
      console.log(`NOT RUN size by the ${candidate} route: not on this machine`);
      continue;
    }
    const module = readFileSync(join(folder, 'holm_worker_bg.wasm'));
    const names = readFileSync(join(folder, 'holm_worker_bg.names'), 'utf8');
    const wasm = readFileSync(join(folder, 'holm_worker_bg.packed.wasm'));
    holds = printTable(candidate, { wasm, ...parts }) && holds;
    holds = printStore(module, names) && holds;
    hasNames(module, names);
  }
  return holds;
}

/** The folder of the module by `candidate`; null where this machine does not have that route. */
async function buildOf(candidate, shipped) {
  if (candidate === shipped) return join(root, 'dist/wasm');
  const out = `target/sizes/${candidate}`;
  const args = ['xtask', 'wasm', '--route', candidate, '--out', out];
  const { code, output } = await run('cargo', args, { show: false });
  if (code === 3) return null;
  if (code !== 0) throw new StepFailed(output);
  return join(root, out);
}

/** Bundles an app that does nothing but import the package, and sorts what comes out. */
async function javascriptParts() {
  const folder = join(root, 'target/sizes/app');
  mkdirSync(folder, { recursive: true });
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const entry = join(root, exports['.'].browser);
  if (!existsSync(entry)) throw new StepFailed(`${entry} is not built`);
  writeFileSync(join(folder, 'main.js'), `export * from ${JSON.stringify(entry)};\n`);
  writeFileSync(join(folder, 'index.html'), '<script type="module" src="./main.js"></script>\n');
  writeFileSync(join(folder, 'vite.config.mjs'), viteConfig);
  await must(bin('vite'), ['build', '--logLevel', 'warn'], { cwd: folder });
  const manifest = JSON.parse(readFileSync(join(folder, 'out/files.json'), 'utf8'));
  const bytesOf = (test) =>
    Buffer.concat(manifest.filter(test).map((f) => readFileSync(join(folder, 'out', f))));
  const isJs = (file) => file.endsWith('.js');
  const isWorker = (file) => isJs(file) && /worker/.test(file);
  return { worker: bytesOf(isWorker), page: bytesOf((file) => isJs(file) && !isWorker(file)) };
}

const viteConfig = `// Made by scripts/parts/sizes.mjs.
const listing = {
  name: 'listing',
  generateBundle(_, bundle) {
    const source = JSON.stringify(Object.keys(bundle));
    this.emitFile({ type: 'asset', fileName: 'files.json', source });
  },
};
export default {
  plugins: [listing],
  worker: { format: 'es' },
  build: {
    outDir: 'out',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    rollupOptions: { input: 'main.js', preserveEntrySignatures: 'strict' },
  },
};
`;

function printTable(route, parts) {
  console.log(`size by the ${route} route, bytes${''.padEnd(6)}raw      gzip    brotli`);
  let gzipTotal = 0;
  const sums = [0, 0, 0];
  for (const [name, bytes] of Object.entries(parts)) {
    const row = [bytes.length, gzipBytes(bytes), brotliBytes(bytes)];
    gzipTotal += row[1];
    row.forEach((value, index) => {
      sums[index] += value;
    });
    printRow(name, row);
  }
  printRow('total', sums);
  const over = gzipTotal - BUDGET_BYTES;
  const verdict = over <= 0 ? `${-over} bytes within` : `ABOVE, by ${over} bytes,`;
  console.log(`  ${verdict} the budget of ${BUDGET_BYTES} bytes gzip`);
  return over <= 0;
}

/** By itself, so that what it has in common with the rest counts for it. */
function printStore(module, names) {
  const { functions, bytes } = shareOf((name) => IS_STORE.test(name), module, names);
  const gzip = gzipBytes(bytes);
  const holds = functions > 0 && gzip <= STORE_BYTES;
  const size = `${(gzip / 1024).toFixed(1)} KB gzip`;
  const what = `the code of ${functions} functions, ${bytes.length} bytes, compressed by itself`;
  console.log(`  store: ${size} of at most ${STORE_BYTES / 1024}: ${what}`);
  return holds;
}

function printRow(name, row) {
  console.log(`  ${name.padEnd(22)}${row.map((value) => String(value).padStart(10)).join('')}`);
}

const gzipBytes = (bytes) => gzipSync(bytes, { level: 9 }).length;
const brotliBytes = (bytes) =>
  brotliCompressSync(bytes, { params: { [zlib.BROTLI_PARAM_QUALITY]: 11 } }).length;

/** A failed assertion is a trap, whose stack has numbers: each function must have its name. */
function hasNames(module, names) {
  const { functions } = shareOf((name) => name === '', module, names);
  if (functions > 0) throw new StepFailed(`${functions} functions of the module have no name`);
}
