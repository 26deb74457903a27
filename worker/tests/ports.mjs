// Runs the port checks in browsers and in Node, against a module built with the feature `testing`:
//   node worker/tests/ports.mjs DIR [--browsers=chromium,firefox,webkit,node]
import fs from 'node:fs';
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import puppeteer from 'puppeteer-core';
import { FolderOfFiles } from '../../dist/files.js';
import { requestLock } from '../../dist/locks.js';
import { Memory } from '../../dist/mirror.js';
import { OrderedStorage } from '../../dist/storage.js';
import { inLanes } from '../../scripts/parts/lanes.mjs';
import { launch as launchWebKit } from '../../tests/web/drivers/index.mjs';
import { runChecks } from './checks.mjs';
import { echo } from './echo.mjs';

const QUOTA_BYTES = 24 << 20;
const RUNGS = [
  { kind: 'opfs', survival: 'Written' },
  { kind: 'indexeddb', survival: 'Flushed' },
];
let [passed, failed] = [0, 0];
const TYPES = { '.mjs': 'text/javascript', '.js': 'text/javascript', '.wasm': 'application/wasm' };

const launches = {
  chromium: {
    executablePath: process.env.HOLM_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  },
  firefox: {
    browser: 'firefox',
    executablePath: process.env.HOLM_FIREFOX ?? '/usr/bin/firefox-esr',
    extraPrefsFirefox: { 'dom.quotaManager.temporaryStorage.fixedLimit': QUOTA_BYTES >> 10 },
  },
};

/** The checks in memory; those of storage over files too. */
async function inNode(folder, kind) {
  const bytes = await readFile(join(folder, 'holm_worker_bg.wasm'));
  const load = async (number) => {
    const url = pathToFileURL(join(folder, 'holm_worker.js'));
    const module = await import(`${url}?${kind}${number}`);
    await module.default({ module_or_path: bytes });
    return module;
  };
  const place = {
    kind,
    survival: kind === 'files' ? 'Written' : 'Nothing',
    isStorageOnly: kind === 'files',
    hasSocket: typeof WebSocket === 'function',
    hasWebLocks: Boolean(globalThis.navigator?.locks),
    socket,
  };
  const memory = new Memory();
  const directory = fs.mkdtempSync(join(tmpdir(), 'holm-ports-'));
  const find = async (database) =>
    kind === 'files' ? new FolderOfFiles(fs, directory, database) : memory.find(database);
  const platform = () => ({ storage: new OrderedStorage(find), requestLock });
  try {
    return { results: await runChecks(load, place, platform), notes: [] };
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

/**
 * The checks on one rung, in a browser of its own: a database that lives on one cannot be made on
 * another. On all but the first rung only those of storage.
 */
async function inBrowser(name, rung) {
  const browser = await (name === 'webkit' ? launchWebKit('webkit') : launchWithQuota(name));
  const place = { ...rung, hasSocket: true, hasWebLocks: true, socket };
  place.isStorageOnly = rung !== RUNGS[0];
  if (name !== 'webkit') place.quotaBytes = QUOTA_BYTES;
  try {
    const page = await browser.newPage();
    await page.goto(origin);
    return await page.evaluate(runInWorker, place);
  } finally {
    await browser.close();
  }
}

async function launchWithQuota(name) {
  const browser = await puppeteer.launch({ headless: true, timeout: 60_000, ...launches[name] });
  if (name === 'chromium') {
    const session = await (await browser.newPage()).createCDPSession();
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: QUOTA_BYTES });
  }
  return browser;
}

/** Runs in the page. */
function runInWorker(place) {
  return new Promise((resolve, reject) => {
    const worker = new Worker('/tests/ports.worker.mjs', { type: 'module' });
    let late;
    // Each check has less time than this.
    const begin = (check) => {
      clearTimeout(late);
      late = setTimeout(() => reject(new Error(`no end of: ${check}`)), 60_000);
    };
    begin('the start');
    worker.onmessage = ({ data }) => (data.begun ? begin(data.begun) : resolve(data));
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage({ module: '/module/holm_worker.js', place });
  });
}

async function report(where, run) {
  const began = performance.now();
  const stopped = (thrown) => ({ results: [{ name: 'all', error: thrown.stack }], notes: [] });
  const { results, notes } = await run().catch(stopped);
  for (const { name, error } of results) {
    if (error === null) passed += 1;
    else failed += 1;
    if (error !== null) console.log(`FAILED ${where}: ${name}\n${error}`);
  }
  for (const note of notes) console.log(`${where}: ${note}`);
  console.log(`${where}: ${((performance.now() - began) / 1_000).toFixed(1)} s`);
}

async function serve(module) {
  const dist = join(import.meta.dirname, '../../dist');
  const folders = { tests: import.meta.dirname, dist, module };
  const server = createServer(async (request, response) => {
    const [, folder, file] = request.url.split('/');
    const path = join(folders[folder] ?? '', file?.split('?')[0] ?? '');
    const content = folders[folder] ? await readFile(path).catch(() => null) : '<!doctype html>';
    const type = folders[folder] ? TYPES[extname(path)] : 'text/html';
    response.writeHead(content === null ? 404 : 200, { 'content-type': type ?? 'text/plain' });
    response.end(content);
  });
  echo(server);
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return server;
}

const [folder, ...options] = process.argv.slice(2);
const module = resolve(folder ?? 'target/wasm-testing');
const chosen = options.find((option) => option.startsWith('--browsers='))?.slice(11);
const server = await serve(module);
const origin = `http://127.0.0.1:${server.address().port}`;
const socket = origin.replace('http', 'ws');
const jobs = [];
for (const name of (chosen ?? 'node,chromium,firefox,webkit').split(',')) {
  if (name === 'node') {
    // One after the other: both are in this process.
    for (const kind of ['files', 'memory']) {
      await report(`node on ${kind}`, () => inNode(module, kind));
    }
  }
  // WebKitGTK has no OPFS.
  for (const rung of name === 'node' ? [] : RUNGS.slice(name === 'webkit' ? 1 : 0)) {
    jobs.push(() => report(`${name} on ${rung.kind}`, () => inBrowser(name, rung)));
  }
}
await inLanes(jobs);
server.closeAllConnections();
server.close();
console.log(`ports: ${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
