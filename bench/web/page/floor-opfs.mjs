// The OPFS floor, as the page calls it.
import { remote } from './remote.mjs';

export const open = () => remote('./floor-opfs.worker.mjs');
