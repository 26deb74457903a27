// Decides whether a build's outputs are up to date: by a hash of the contents of its inputs, kept
// in target/fresh. Contents, not times: a checkout touches times, and two branches share one target
// folder.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './shell.mjs';

const SKIPPED = new Set(['node_modules', 'target', 'dist', '.git']);

/** Every file under `path` (a file or a folder, relative to the root), sorted. */
export function filesUnder(path) {
  const full = join(root, path);
  if (!existsSync(full)) return [];
  if (statSync(full).isFile()) return [path];
  return readdirSync(full)
    .filter((name) => !SKIPPED.has(name))
    .sort()
    .flatMap((name) => filesUnder(join(path, name)));
}

function hashOf(inputs, extra) {
  const hash = createHash('sha256').update(extra);
  for (const file of inputs.flatMap(filesUnder)) {
    hash.update(`\0${file}\0`).update(readFileSync(join(root, file)));
  }
  return hash.digest('hex');
}

/**
 * Runs `build` unless `outputs` exist and were built from these `inputs`. `extra` is whatever
 * else the result depends on. Returns whether it was built.
 */
export async function buildIfStale({ name, inputs, outputs, extra = '' }, build) {
  const mark = join(root, 'target/fresh', name);
  const hash = hashOf(inputs, extra);
  const isFresh =
    outputs.every((output) => existsSync(join(root, output))) &&
    existsSync(mark) &&
    readFileSync(mark, 'utf8') === hash;
  if (isFresh) return false;
  await build();
  mkdirSync(dirname(mark), { recursive: true });
  writeFileSync(mark, hash);
  return true;
}
