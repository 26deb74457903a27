// Runs the port checks in browsers and in Node, against a module built with the feature `testing`:
//   node worker/tests/ports.mjs DIR [--browsers=chromium,firefox,node]
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { requestLock } from '../../dist/locks.js';
import { runChecks } from './checks.mjs';
import { echo } from './echo.mjs';

const QUOTA_BYTES = 24 << 20;
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

async function inNode(folder) {
  const bytes = await readFile(join(folder, 'holm_worker_bg.wasm'));
  const load = async (number) => {
    const module = await import(`${pathToFileURL(join(folder, 'holm_worker.js'))}?${number}`);
    await module.default({ module_or_path: bytes });
    return module;
  };
  const place = {
    kind: 'memory',
    isDurable: false,
    hasSocket: typeof WebSocket === 'function',
    hasWebLocks: Boolean(globalThis.navigator?.locks),
    socket,
  };
  const platform = { opfs: undefined, requestLock };
  return { results: await runChecks(load, place, platform), notes: [] };
}

async function inBrowser(name, place) {
  const { launch } = await import('puppeteer-core');
  const browser = await launch({ headless: true, ...launches[name] });
  try {
    const page = await browser.newPage();
    await page.goto(origin);
    if (name === 'chromium') {
      const session = await page.createCDPSession();
      await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: QUOTA_BYTES });
    }
    return await page.evaluate(
      (place) =>
        new Promise((resolve, reject) => {
          const worker = new Worker('/tests/ports.worker.mjs', { type: 'module' });
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = ({ message }) => reject(new Error(message));
          setTimeout(() => reject(new Error('the worker did not answer')), 60_000);
          worker.postMessage({ module: '/module/holm_worker.js', place });
        }),
      place,
    );
  } finally {
    await browser.close();
  }
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
let [passed, failed] = [0, 0];
for (const name of (chosen ?? 'node,chromium,firefox').split(',')) {
  const opfs = { kind: 'opfs', isDurable: true, hasSocket: true, hasWebLocks: true };
  const place = { ...opfs, socket, quotaBytes: QUOTA_BYTES };
  const { results, notes } = await (name === 'node' ? inNode(module) : inBrowser(name, place));
  for (const { name: check, error } of results) {
    if (error !== null) console.log(`FAILED ${name}: ${check}\n${error}`);
    if (error === null) passed += 1;
    else failed += 1;
  }
  for (const note of notes) console.log(`${name}: ${note}`);
}
server.closeAllConnections();
server.close();
console.log(`ports: ${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
