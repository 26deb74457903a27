// SQLite, as the page calls it.
import { remote } from './remote.mjs';

const start = () =>
  new Worker(new URL('./wa-sqlite.worker.mjs', import.meta.url), { type: 'module' });

export const open = () => remote(start());
