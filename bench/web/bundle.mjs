// Bundles the pages of the benchmark as an app ships them: Holm and the others alike, minified,
// one file for each page, worker and module.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'vite';

const root = join(import.meta.dirname, '../..');
const here = import.meta.dirname;

/** What is to be served: content by path. */
export async function bundle() {
  const outDir = join(root, 'target/bench-web');
  await build({
    configFile: false,
    root: join(here, 'page'),
    logLevel: 'warn',
    resolve: {
      alias: { '/dist/index.js': join(root, 'dist/browser.js'), '/dist': join(root, 'dist') },
    },
    worker: { format: 'es' },
    build: {
      outDir,
      emptyOutDir: true,
      assetsInlineLimit: 0,
      target: 'es2022',
      chunkSizeWarningLimit: 10_000,
    },
  });
  const files = new Map([['/', readFileSync(join(outDir, 'index.html'))]]);
  for (const name of readdirSync(join(outDir, 'assets'))) {
    files.set(`/assets/${name}`, readFileSync(join(outDir, 'assets', name)));
  }
  return files;
}
