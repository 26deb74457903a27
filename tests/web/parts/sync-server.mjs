// The real server, holm-server, as a process that tests start, crash and start again on the same
// address and data.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../../scripts/parts/shell.mjs';
import { adoptGroup } from '../drivers/processes.mjs';

const START_MS = 30_000;
const ADDRESS = /listens on (http:\/\/[\d.]+:(\d+))/;

/** The token that the server takes; it speaks for everybody in these tests. */
export const TOKEN = 'good-token';

function program() {
  const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
  const path = join(target, 'debug/holm-server');
  if (existsSync(path)) return path;
  throw new Error(`${path} is not there: cargo build --package holm-server`);
}

/** Starts the server with its data in `folder`, for pages of `origin`. */
export async function startServer({ folder, origin }) {
  const server = new SyncServer(join(folder, 'server.sqlite'), origin);
  await server.start();
  return server;
}

class SyncServer {
  /** `http://127.0.0.1:...`, the same after every start. */
  url = null;
  port = 0;
  #flags;
  #child = null;
  #said = '';

  constructor(data, origin) {
    this.#flags = ['--data', data, '--origin', origin, '--token', `${TOKEN}=everybody`];
  }

  /** Resolves when it listens. */
  async start() {
    const flags = ['--listen', `127.0.0.1:${this.port}`, ...this.#flags];
    const child = spawn(program(), flags, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    adoptGroup(child);
    this.#child = child;
    this.#said = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#said += text;
    });
    const [, url, port] = await this.#address(child);
    this.url = url;
    this.port = Number(port);
  }

  #address(child) {
    return new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`holm-server ${why}:\n${this.#said}`));
      const late = setTimeout(() => fail(`said no address in ${START_MS} ms`), START_MS);
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (text) => {
        output += text;
        const address = ADDRESS.exec(output);
        if (!address) return;
        clearTimeout(late);
        resolve(address);
      });
      child.once('exit', (code) => {
        clearTimeout(late);
        fail(`ended with ${code}`);
      });
    });
  }

  /** SIGKILL: what it did not write is lost. */
  kill() {
    return this.#end('SIGKILL');
  }

  /** Asks it to stop, and waits until it has. */
  stop() {
    return this.#end('SIGTERM');
  }

  async #end(signal) {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }
}
