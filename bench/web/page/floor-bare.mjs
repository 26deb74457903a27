// The floor of opening: a worker that starts, instantiates a module of Holm's size, and opens one
// file. It stores nothing.
import { remote } from './remote.mjs';

const start = () =>
  new Worker(new URL('./floor-bare.worker.mjs', import.meta.url), { type: 'module' });

export const open = () => remote(start());
