// SQLite, as the page calls it.
import { remote } from './remote.mjs';

export const open = () => remote('./sqlite.worker.mjs');
