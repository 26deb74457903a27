// Temporary folders, gone when this process ends, however it ends.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new folder of its own. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'holm-web-'));
  process.on('exit', () => {
    // A browser that was killed just now may still be writing there.
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });
  return folder;
}
