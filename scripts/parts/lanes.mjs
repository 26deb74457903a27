// Jobs of tests beside each other, as many as the gate's machine has cores.

/** Runs two jobs at a time: some are of one thread, and some wait more than they work. */
export async function inLanes(jobs) {
  const results = [];
  const waiting = [...jobs];
  const lane = async () => {
    while (waiting.length > 0) results.push(await waiting.shift()());
  };
  await Promise.all([lane(), lane()]);
  return results;
}

/** What takes longest first, so that neither lane waits for the other at the end. */
export function longFirst(things, long) {
  const rank = ({ name }) => (long.includes(name) ? long.indexOf(name) : long.length);
  return things.sort((one, other) => rank(one) - rank(other));
}
