// Measures Holm beside others in one run:
//   node bench/web/run.mjs [--documents=10000] [--only=holm,...]
// Needs a build (`npm run build`) and Chromium. Each contestant has a browser and a profile of its
// own; all answers are checked before a time counts. Prints the times, and each as a multiple of
// Holm's.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { cpus, tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { launch } from '../../tests/web/drivers/index.mjs';
import { bundle } from './bundle.mjs';

const root = join(import.meta.dirname, '../..');
const here = import.meta.dirname;
const option = (name, otherwise) =>
  process.argv.find((arg) => arg.startsWith(`--${name}=`))?.split('=')[1] ?? otherwise;

/** A name, its module, and whether the page's workers find no OPFS. */
const CONTESTANTS = [
  ['bare worker', 'floor-bare'],
  ['floor OPFS', 'floor-opfs'],
  ['floor IndexedDB', 'floor-indexeddb'],
  ['holm', 'holm'],
  ['holm local', 'holm-local'],
  ['holm on IndexedDB', 'holm', true],
  ['sqlite-wasm', 'sqlite'],
  ['wa-sqlite', 'wa-sqlite'],
  ['pglite', 'pglite'],
  ['dexie', 'dexie'],
];

const TYPES = { '.js': 'text/javascript', '.wasm': 'application/wasm' };

async function serve() {
  const pages = { hidesOpfs: false };
  const files = await bundle();
  const server = createServer((request, response) => {
    const content = files.get(request.url);
    if (!content) return response.writeHead(404).end();
    const type = TYPES[extname(request.url)] ?? 'text/html';
    // Files whose names change with their content are kept, as a browser keeps an app's.
    const kept = request.url === '/' ? 'no-cache' : 'max-age=31536000, immutable';
    const isHidden = pages.hidesOpfs && /^\/assets\/worker-/.test(request.url);
    response.writeHead(200, { 'content-type': type, 'cache-control': kept });
    if (isHidden) response.write('delete globalThis.FileSystemSyncAccessHandle;\n');
    response.end(content);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  pages.url = `http://127.0.0.1:${server.address().port}/`;
  pages.close = () => {
    server.close();
    server.closeAllConnections();
  };
  return pages;
}

/** Calls one of the page's workloads in a fresh browser on a profile. */
async function visit(pages, profileDir, workload, ...args) {
  const browser = await launch('chromium', { profileDir });
  try {
    const page = await browser.newPage();
    await page.goto(pages.url);
    await page.waitFor(() => globalThis.bench !== undefined, {
      timeoutMs: 20_000,
      what: 'the page',
    });
    return await page.evaluate((name, given) => bench[name](...given), workload, args);
  } finally {
    await browser.close();
  }
}

/** Contestants that did not do what they were to do. */
let failed = 0;

/** In a profile that is thrown away. */
async function inProfile(use) {
  const profileDir = mkdtempSync(join(tmpdir(), 'holm-bench-'));
  try {
    return await use(profileDir);
  } finally {
    // Its browser may still be writing.
    rmSync(profileDir, { recursive: true, force: true, maxRetries: 20 });
  }
}

async function measure(pages, [label, module, hidesOpfs = false], count) {
  pages.hidesOpfs = hidesOpfs;
  try {
    const stored = await inProfile(async (profileDir) => {
      const filled = await visit(pages, profileDir, 'fill', module, count);
      return { ...filled, ...(await visit(pages, profileDir, 'reopen', module, count)) };
    });
    const live = await inProfile((profileDir) => visit(pages, profileDir, 'live', module, count));
    const { kind, ...times } = { ...stored, ...live };
    return { label, kind, times };
  } catch (error) {
    // One that does not take so much does not end the run of the others.
    console.log(`${label}: ${error.message}`);
    failed += 1;
    return { label, kind: 'failed', times: {} };
  }
}

function print(rows) {
  const own = rows.find(({ label }) => label === 'holm')?.times ?? {};
  const workloads = [...new Set(rows.flatMap(({ times }) => Object.keys(times)))];
  console.log(`| | ${workloads.join(' | ')} |`);
  console.log(`|---|${workloads.map(() => '---|').join('')}`);
  for (const { label, kind, times } of rows) {
    const cells = workloads.map((workload) => {
      if (!(workload in times)) return '';
      const ratio = times[workload] / own[workload];
      const multiple = label === 'holm' || Number.isNaN(ratio) ? '' : ` (${ratio.toFixed(2)} x)`;
      return `${times[workload].toFixed(times[workload] < 10 ? 2 : 0)}${multiple}`;
    });
    console.log(`| ${label} (${kind}) | ${cells.join(' | ')} |`);
  }
}

if (!existsSync(join(root, 'dist/index.js'))) throw new Error('run `npm run build` first');
if (!existsSync(join(here, 'node_modules'))) {
  execFileSync('npm', ['install', '--no-audit', '--no-fund'], { cwd: here, stdio: 'inherit' });
}
const count = Number(option('documents', '10000'));
const only = option('only', '').split(',').filter(Boolean);
const pages = await serve();
const rows = [];
for (const contestant of CONTESTANTS) {
  if (only.length > 0 && !only.includes(contestant[0])) continue;
  console.error(`${contestant[0]} ...`);
  rows.push(await measure(pages, contestant, count));
}
pages.close();
console.log(`${count} issues, ${cpus().length} cores (${cpus()[0].model}); milliseconds`);
print(rows);
process.exit(failed === 0 ? 0 : 1);
