// A contestant that runs in a worker of its own: calls go over as messages, one after the other.

/** The methods of what the worker's `open` gave, as they are called from the page. */
export async function remote(worker) {
  const waiting = [];
  worker.onmessage = ({ data: { result, error } }) => {
    const { resolve, reject } = waiting.shift();
    if (error) reject(new Error(error));
    else resolve(result);
  };
  worker.onerror = ({ message }) => waiting.shift()?.reject(new Error(message));
  const call = (name, argument) =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      worker.postMessage({ name, argument });
    });
  const { kind, names } = await call('open');
  const methods = names.map((name) => [name, (argument) => call(name, argument)]);
  return { kind, ...Object.fromEntries(methods) };
}

/** The other side: answers by the methods of what `open` gives. */
export function serve(open) {
  let contestant;
  let last = Promise.resolve();
  const answer = async ({ name, argument }) => {
    if (name !== 'open') return contestant[name](argument);
    const { kind, ...methods } = await open();
    contestant = methods;
    return { kind, names: Object.keys(methods) };
  };
  self.onmessage = ({ data }) => {
    last = last
      .then(() => answer(data))
      .then(
        (result) => self.postMessage({ result }),
        (thrown) => self.postMessage({ error: String(thrown?.stack ?? thrown) }),
      );
  };
}
