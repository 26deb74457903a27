// Serves the test page and the built package as they are, without a bundler: what runs here is
// what an app without one gets.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { root } from '../../../scripts/parts/shell.mjs';
import { STOP } from './stop.mjs';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** Where each address begins on disk; the first that fits is taken. */
const PLACES = [
  ['/dist/', join(root, 'dist')],
  ['/data/', join(root, 'node_modules/vega-datasets/data')],
  ['/', join(root, 'tests/web/page')],
];

/** What hides the rungs above one from a worker: its entry runs it first. */
const WITHOUT_OPFS = 'delete globalThis.FileSystemSyncAccessHandle;\n';
const WITHOUT_INDEXEDDB = "Object.defineProperty(globalThis, 'indexedDB', {});\n";
const HIDING = {
  opfs: '',
  indexeddb: WITHOUT_OPFS,
  memory: WITHOUT_OPFS + WITHOUT_INDEXEDDB,
};

/**
 * Starts the server on a free port. `requests` are the paths asked for so far, in order. Workers
 * that start find nothing above the `rung`, and run `prelude` first; a test may change both.
 * `stops` counts the workers that have stopped (stop.mjs). `types` are the content types by ending;
 * a file whose ending has none is not found. `policy` is what pages may do, and not their workers;
 * `instead` is given instead of the module.
 */
export async function servePages({ rung = 'opfs' } = {}) {
  const types = { ...TYPES };
  const pages = { rung, prelude: '', requests: [], stops: 0, types, policy: '' };
  const stopped = [];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://page');
    pages.requests.push(pathname);
    if (pathname === STOP) {
      pages.stops += 1;
      stopped.push(response);
      return;
    }
    try {
      const path = placeOf(pathname);
      const type = types[extname(path)];
      if (!type) throw new Error('not found');
      const isPage = extname(path) === '.html';
      const isWorker = pathname === '/dist/worker.js';
      const first = isWorker ? HIDING[pages.rung] + pages.prelude : '';
      const instead = extname(path) === '.wasm' ? pages.instead : undefined;
      const content = first + (instead ?? (await readFile(path, 'latin1')));
      response.writeHead(200, {
        'content-type': type,
        'cache-control': 'no-cache',
        ...(isPage && pages.policy ? { 'content-security-policy': pages.policy } : {}),
      });
      response.end(content, 'latin1');
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  pages.origin = `http://127.0.0.1:${server.address().port}`;
  /** A browser has few connections to a server, and may keep those of workers that are dead. */
  pages.forgetStopped = () => {
    for (const response of stopped.splice(0)) response.destroy();
  };
  pages.close = () => {
    server.close();
    server.closeAllConnections();
  };
  return pages;
}

function placeOf(pathname) {
  const path = normalize(pathname === '/' ? '/index.html' : decodeURIComponent(pathname));
  const [start, folder] = PLACES.find(([start]) => path.startsWith(start));
  return join(folder, path.slice(start.length));
}
