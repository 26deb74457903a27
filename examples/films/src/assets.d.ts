// The file that vite.config.ts finds in the package vega-datasets, as an address.
declare module 'movies.json?url' {
  const url: string;
  export default url;
}
