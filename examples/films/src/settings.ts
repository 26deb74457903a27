// What can be set from outside, by the page's address: ?server= &space= &token= &db= &sync=off
// &count-renders. The server's address can also be built in, as VITE_HOLM_URL.

const given = new URLSearchParams(globalThis.location?.search ?? '');

/** See the head of the file. */
export const settings = {
  server: given.get('server') ?? import.meta.env?.VITE_HOLM_URL ?? 'http://127.0.0.1:8787',
  space: given.get('space') ?? 'films',
  token: given.get('token') ?? 'demo-token',
  database: given.get('db') ?? 'films',
  syncs: given.get('sync') !== 'off',
  countsRenders: given.has('count-renders'),
} as const;
