// Giving the thread away.

/**
 * Until other tasks of this thread have had their turn. By a message: timers of a page that is
 * hidden are held back by a second each.
 */
export const turn = () =>
  new Promise<void>((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
