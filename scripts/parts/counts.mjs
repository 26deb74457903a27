// Reads how many tests passed and failed from what each runner leaves. A test that did not run is
// not passed: ignored, skipped and unfinished ones count as failed.
import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

const add = (counts, passed, failed) => ({
  passed: counts.passed + passed,
  failed: counts.failed + failed,
});

const NONE = { passed: 0, failed: 0 };

/** From cargo's `test result:` lines. */
export function cargoCounts(output) {
  const lines = output.matchAll(/^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored;/gm);
  return [...lines].reduce(
    (counts, [, passed, failed, ignored]) => add(counts, +passed, +failed + +ignored),
    NONE,
  );
}

/** Cargo's messages of one kind, of `--message-format json`. */
function messagesIn(output, kind) {
  const lines = output.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line)).filter(({ reason }) => reason === kind);
}

/** Warnings and errors, as text; those of an earlier build too. */
export function warningsIn(output) {
  return messagesIn(output, 'compiler-message').map(({ message }) => message.rendered);
}

/** The programs of tests, each with the folder of its package, where it is to run. */
export function testPrograms(output) {
  const built = messagesIn(output, 'compiler-artifact');
  return built
    .filter(({ profile, executable }) => profile.test && executable)
    .map((unit) => ({
      name: unit.target.name,
      path: unit.executable,
      cwd: dirname(unit.manifest_path),
    }));
}

/** From the file of vitest's json reporter. */
export function vitestCounts(file) {
  if (!existsSync(file)) return NONE;
  const report = JSON.parse(readFileSync(file, 'utf8'));
  const failed = report.numTotalTests - report.numPassedTests;
  return { passed: report.numPassedTests, failed };
}

/**
 * From what node's spec reporter prints last. A reporter that writes to a file would be cut off by
 * `--test-force-exit`.
 */
export function specCounts(output) {
  const last = (name) =>
    Number([...output.matchAll(new RegExp(`^\\S+ ${name} (\\d+)$`, 'gm'))].at(-1)?.[1] ?? 0);
  const failed = last('fail') + last('cancelled') + last('skipped') + last('todo');
  return { passed: last('pass'), failed };
}

/**
 * From a program that ends with `N passed, N failed` on a line, after a word and a colon or not, or
 * with cargo's line without the ignored ones.
 */
export function plainCounts(output) {
  const line = [
    ...output.matchAll(/^(?:\w+: |test result: \w+\. )?(\d+) passed[,;] (\d+) failed$/gm),
  ].at(-1);
  return line ? { passed: +line[1], failed: +line[2] } : NONE;
}

/** A runner that failed has at least one failure; a runner that ran nothing has failed. */
export function settle(counts, code) {
  if (code !== 0 && counts.failed === 0) return add(counts, 0, 1);
  if (counts.passed + counts.failed === 0) return add(counts, 0, 1);
  return counts;
}
