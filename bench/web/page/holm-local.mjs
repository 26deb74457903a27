// Holm with a collection whose documents never leave the device.
export { openLiveLocal as openLive, openLocal as open } from './holm.mjs';
