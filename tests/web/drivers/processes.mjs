// Process groups of browsers: killed as a whole, and never left behind by a test that dies.
import { readdirSync, readFileSync } from 'node:fs';
import { until } from './wait.mjs';

const groups = new Set();

/** Remembers the group that `child` leads, to end it when this process ends. */
export function adoptGroup(child) {
  groups.add(child.pid);
  child.once('exit', () => killGroup(child.pid));
}

/** SIGKILL to every process of the group; resolves when none of them runs any more. */
export async function killGroupAndWait(child) {
  killGroup(child.pid);
  await until(() => !groupLives(child.pid), { what: `the end of process group ${child.pid}` });
}

function killGroup(id) {
  groups.delete(id);
  signal(id, 'SIGKILL');
}

/**
 * A killed process that its parent has not yet reaped still has an entry, in state Z: it is dead
 * for us.
 */
function groupLives(id) {
  if (!signal(id, 0)) return false;
  return processStates().some(({ group, state }) => group === id && state !== 'Z');
}

function processStates() {
  const numbers = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return numbers.flatMap((number) => {
    try {
      const stat = readFileSync(`/proc/${number}/stat`, 'latin1');
      const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return [{ state, group: Number(group) }];
    } catch {
      return []; // It has ended.
    }
  });
}

function signal(id, name) {
  try {
    process.kill(-id, name);
    return true;
  } catch {
    return false;
  }
}

process.on('exit', () => {
  for (const id of groups) signal(id, 'SIGKILL');
});
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(name, () => process.exit(1));
