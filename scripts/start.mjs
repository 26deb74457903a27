// `npm start`: brings what is needed, builds what has changed, starts the server and the example,
// prints the address. Ctrl-C stops both. The server's data stays in target/start, so that a second
// start finds the first one's films.
//
//   --install                     as root: install missing system packages
//   HOLM_SERVER_PORT, HOLM_EXAMPLE_PORT   8787 and 5173 unless set
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import {
  buildExample,
  buildJs,
  buildServer,
  buildWasm,
  installNpmPackages,
} from './parts/builds.mjs';
import {
  bringPackages,
  bringWasmRoute,
  mayInstallPackages,
  missingPackages,
  missingTools,
} from './parts/needs.mjs';
import { root, StepFailed, secondsSince } from './parts/shell.mjs';

const HOST = '127.0.0.1';
const SERVER_PORT = Number(process.env.HOLM_SERVER_PORT ?? 8787);
const EXAMPLE_PORT = Number(process.env.HOLM_EXAMPLE_PORT ?? 5173);
const DEV_TOKEN = 'demo-token=demo';
const ANSWER_DEADLINE_MS = 20_000;

async function step(name, work) {
  const began = Date.now();
  console.log(`== ${name}`);
  const result = await work();
  console.log(`== ${name}: ${secondsSince(began)} s`);
  return result;
}

async function prepare() {
  const tools = missingTools();
  if (tools.length > 0) throw new StepFailed(tools.join('\n'));
  const options = { mode: 'install', mayInstall: mayInstallPackages(process.argv.slice(2)) };
  await bringPackages(missingPackages([]), options);
  await requireFreePort(SERVER_PORT, 'HOLM_SERVER_PORT');
  await requireFreePort(EXAMPLE_PORT, 'HOLM_EXAMPLE_PORT');
  await step('npm packages', installNpmPackages);
  const route = await step('WebAssembly route', () => bringWasmRoute(options));
  await step('engine', () => buildWasm(route));
  await step('client', buildJs);
  await step('example', () => buildExample(`http://${HOST}:${SERVER_PORT}`));
  return step('server', buildServer);
}

function requireFreePort(port, variable) {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', () => reject(new StepFailed(`port ${port} is taken: set ${variable}`)));
    probe.listen(port, HOST, () => probe.close(resolve));
  });
}

const children = [];
let isStopping = false;

/** Starts a program that must run until we stop it. */
function keep(name, command, args, options = {}) {
  const child = spawn(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    ...options,
  });
  child.on('error', (error) => stop(1, `${name} does not run: ${error.message}`));
  child.on('exit', (code) => isStopping || stop(1, `${name} ended by itself, exit code ${code}`));
  children.push(child);
}

function stop(code, message) {
  if (isStopping) return;
  isStopping = true;
  if (message) console.error(message);
  process.exitCode = code;
  for (const child of children) child.kill('SIGTERM');
}

async function answers(url) {
  const deadline = Date.now() + ANSWER_DEADLINE_MS;
  while (Date.now() < deadline && !isStopping) {
    try {
      await fetch(url);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new StepFailed(`${url} does not answer`);
}

function startBoth(server) {
  const folder = join(root, 'target/start');
  mkdirSync(folder, { recursive: true });
  const data = join(folder, 'films.sqlite');
  keep('server', server, [
    '--listen',
    `${HOST}:${SERVER_PORT}`,
    '--data',
    data,
    '--token',
    DEV_TOKEN,
    // The server refuses pages of origins that it does not know.
    ...['--origin', `http://${HOST}:${EXAMPLE_PORT}`],
    ...['--origin', `http://localhost:${EXAMPLE_PORT}`],
  ]);
  const page = ['serve.mjs', '--host', HOST, '--port', String(EXAMPLE_PORT)];
  keep('example', process.execPath, page, { cwd: join(root, 'examples/films') });
}

try {
  const server = await prepare();
  process.on('SIGINT', () => stop(0));
  process.on('SIGTERM', () => stop(0));
  startBoth(server);
  await answers(`http://${HOST}:${SERVER_PORT}/`);
  await answers(`http://${HOST}:${EXAMPLE_PORT}/`);
  console.log(`\nserver   http://${HOST}:${SERVER_PORT}`);
  console.log(`example  http://${HOST}:${EXAMPLE_PORT}    open this one; Ctrl-C stops both`);
} catch (error) {
  stop(1, error instanceof StepFailed ? error.message : error);
}
