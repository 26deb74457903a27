// The floor of whatever is built on OPFS: lines of JSON at the end of a file, then a flush. It
// finds nothing by itself: queries read all of it.
import { newestOpen, openSince } from './issues.mjs';
import { serve } from './remote.mjs';

serve(async () => {
  const folder = await navigator.storage.getDirectory();
  const file = await folder.getFileHandle('floor', { create: true });
  const handle = await file.createSyncAccessHandle();
  const append = (all) => {
    const text = all.map((issue) => `${JSON.stringify(issue)}\n`).join('');
    handle.write(new TextEncoder().encode(text), { at: handle.getSize() });
    handle.flush();
  };
  const all = () => {
    const bytes = new Uint8Array(handle.getSize());
    handle.read(bytes, { at: 0 });
    const lines = new TextDecoder().decode(bytes).split('\n');
    return lines.slice(0, -1).map((line) => JSON.parse(line));
  };
  return {
    kind: 'opfs',
    insertOne: (issue) => append([issue]),
    insertAll: append,
    newestOpen: () => newestOpen(all()),
    openSince: (ms) => openSince(all(), ms),
    withPriority: (wanted) => all().filter(({ priority }) => priority === wanted),
    get: (wanted) => all().find(({ id }) => id === wanted),
    all,
  };
});
