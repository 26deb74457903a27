// Runs `npm test` as a newcomer has it: in a fresh clone of the last commit, without any build of
// ours. Takes the same options. The clone is removed afterwards, unless the checks failed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './parts/shell.mjs';

const folder = mkdtempSync(join(tmpdir(), 'holm-clone-'));
const inherit = { stdio: ['ignore', 'inherit', 'inherit'] };
spawnSync('git', ['clone', '--quiet', root, folder], inherit);
const started = Date.now();
const args = ['test', '--', ...process.argv.slice(2)];
const { status } = spawnSync('npm', args, { ...inherit, cwd: folder });
console.log(`${folder}: ${((Date.now() - started) / 60_000).toFixed(1)} min, exit code ${status}`);
if (status === 0) rmSync(folder, { recursive: true });
process.exitCode = status ?? 1;
