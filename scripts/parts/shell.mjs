// Runs commands: output is passed on as it comes and kept for counting, silence is broken by a line
// with the seconds. Knows nothing of what it runs. No dependency: this runs before `npm ci`.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export const root = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');

const SILENCE_MS = 15_000;

/** A step that did not end well. `message` is for the reader, without a stack. */
export class StepFailed extends Error {}

/**
 * Runs to the end. Returns the exit code and all output; throws `StepFailed` only if it cannot
 * start.
 */
export function run(command, args, { cwd = root, env = {}, show = true } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const started = Date.now();
    let lastOutput = started;
    let output = '';
    const silence = setInterval(() => {
      if (Date.now() - lastOutput < SILENCE_MS) return;
      lastOutput = Date.now();
      console.log(`  ... ${command} ${args[0] ?? ''}: ${secondsSince(started)} s so far`);
    }, 1000);
    const take = (stream) => (chunk) => {
      lastOutput = Date.now();
      output += chunk;
      if (show) stream.write(chunk);
    };
    child.stdout.setEncoding('utf8').on('data', take(process.stdout));
    child.stderr.setEncoding('utf8').on('data', take(process.stderr));
    child.on('error', (error) => {
      clearInterval(silence);
      reject(new StepFailed(`${command} does not run: ${error.message}`));
    });
    child.on('close', (code, signal) => {
      clearInterval(silence);
      resolve({ code: code ?? `signal ${signal}`, output });
    });
  });
}

/** Runs to the end; an exit code other than 0 throws. */
export async function must(command, args, options) {
  const { code, output } = await run(command, args, options);
  if (code !== 0) throw new StepFailed(`${command} ${args.join(' ')}: exit code ${code}`);
  return output;
}

/** Waits for all steps, and then throws what the first that failed has thrown. */
export async function together(...steps) {
  const failed = (await Promise.allSettled(steps)).find(({ status }) => status === 'rejected');
  if (failed) throw failed.reason;
}

/** First line of the output of a short command, or null when it does not run. */
export function ask(command, args) {
  const { status, stdout } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}

/** Full path of the first of `names` found on PATH, or null. */
export function which(...names) {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const candidates = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return candidates.find(isExecutable) ?? null;
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export function secondsSince(startedMs) {
  return ((Date.now() - startedMs) / 1000).toFixed(1);
}
