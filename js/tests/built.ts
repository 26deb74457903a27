// The package as `npm run build` put it into dist, for tests with the real engine.
import { existsSync } from 'node:fs';

const built = new URL('../../dist/index.js', import.meta.url);
const wasm = new URL('../../dist/wasm/holm_worker_bg.wasm', import.meta.url);
if (!existsSync(wasm)) throw new Error('dist/wasm is missing; run `npm run build` first');

export const { createDatabase, removeDatabase, defineSchema, t } = (await import(
  /* @vite-ignore */ built.href
)) as typeof import('../index.ts');
