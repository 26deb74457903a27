// See floor-bare.mjs. The module is Holm's own; nothing of it runs.
import init from '/dist/wasm/holm_worker.js';
import { serve } from './remote.mjs';

const started = init();

serve(async () => {
  const folder = await navigator.storage.getDirectory();
  const file = await folder.getFileHandle('bare', { create: true });
  await Promise.all([started, file.createSyncAccessHandle()]);
  return { kind: 'opfs' };
});
