// Builds the example. The films are a file of their own, which the page fetches from where it came
// from, so that the script stays small and a reload needs no other server.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// The package exports its functions only, not its files.
const datasets = createRequire(import.meta.url).resolve('vega-datasets');
const movies = fileURLToPath(new URL('../data/movies.json', `file://${datasets}`));

export default defineConfig({
  plugins: [react()],
  resolve: {
    alias: [{ find: /^movies\.json/, replacement: movies }],
    dedupe: ['react', 'react-dom'],
  },
  worker: { format: 'es' },
  build: { target: 'es2022', assetsInlineLimit: 0 },
  server: { port: 5173 },
});
