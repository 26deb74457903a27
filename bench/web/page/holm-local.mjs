// Holm with a collection whose documents never leave the device.
export { openLocal as open } from './holm.mjs';
