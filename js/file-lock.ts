// One process at a time for a folder. Node has no file locks, so the lock is something that the
// operating system takes back when its holder dies, however it dies: docs/decisions/0017.
import { codeOf, type Fs } from './files.ts';

/** What is used of Node's modules. */
export interface NodeModules {
  readonly fs: Fs;
  readonly net: { createServer(): LockServer };
  readonly process: { readonly platform: string };
}

interface LockServer {
  close(): void;
  listen(options: { readonly path: string; readonly exclusive: true }): void;
  once(event: 'error' | 'listening', call: (error: unknown) => void): void;
  unref(): void;
}

/** Shorter than the engine waits for the lock, so that it is told who has it. */
const WAIT_MS = 1_500;
const RETRY_MS = 50;
/** What listening fails with where somebody else does. */
const HELD = 'EADDRINUSE';
/** Of macOS and the BSDs: opening locks the file; `open` fails at once if it cannot. */
const O_EXLOCK_NONBLOCK_RDWR = 0x20 | 0x4 | 0x2;

/**
 * Waits a while for the lock of a folder. `told` hears when it is held here, `denied` why it is
 * not. Returns what gives it up.
 */
export function lockFolder(
  modules: NodeModules,
  folder: string,
  told: () => void,
  denied: (reason: unknown) => void,
): () => void {
  let release: (() => void) | undefined;
  let isOver = false;
  const attempt = async (waitedMs: number) => {
    try {
      release = await take(modules, folder);
    } catch (thrown) {
      if (isOver) return;
      if (!isHeld(thrown) || waitedMs >= WAIT_MS) return denied(thrown);
      // Not in step with another one that waits.
      const pauseMs = RETRY_MS * (1 + Math.random());
      setTimeout(attempt, pauseMs, waitedMs + pauseMs);
      return;
    }
    if (isOver) release();
    else told();
  };
  void attempt(0);
  return () => {
    isOver = true;
    release?.();
  };
}

/** Whether this is what taking a lock fails with that another process has. */
export function isHeld(thrown: unknown): boolean {
  return [HELD, 'EAGAIN'].includes(codeOf(thrown));
}

/** Takes the lock or throws; the function it gives lets it go. */
async function take({ fs, net, process }: NodeModules, folder: string): Promise<() => void> {
  // The folder itself and not its name, which may be one of several.
  const { dev, ino } = fs.statSync(folder, { bigint: true });
  const name = `holm-${dev}-${ino}`;
  if (process.platform === 'linux') return listenAlone(fs, net, name);
  if (process.platform === 'win32') return listen(net, `\\\\.\\pipe\\${name}`);
  return openLocked(fs, `${folder}.lock`);
}

/**
 * Of one name runtimes make different addresses: older releases of Node fill it up with zeros. So
 * whoever has one looks whether there is another, which they all see in the list of all sockets.
 */
async function listenAlone(fs: Fs, net: NodeModules['net'], name: string): Promise<() => void> {
  const release = await listen(net, `\0${name}`);
  try {
    const all = fs.readFileSync('/proc/net/unix', 'latin1').split('\n');
    const own = all.filter((line) => line.replace(/@+$/, '').endsWith(` @${name}`));
    if (own.length === 1) return release;
  } catch (thrown) {
    release();
    throw thrown;
  }
  release();
  throw Object.assign(new Error('another runtime has it'), { code: HELD });
}

/** An address without a file: it is taken as long as somebody listens there. */
function listen(net: NodeModules['net'], path: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.once('listening', () => {
      server.unref(); // No reason for a process to go on.
      resolve(() => server.close());
    });
    server.listen({ path, exclusive: true });
  });
}

function openLocked(fs: Fs, path: string): () => void {
  fs.closeSync(fs.openSync(path, 'a'));
  const file = fs.openSync(path, O_EXLOCK_NONBLOCK_RDWR);
  let second: number;
  try {
    second = fs.openSync(path, O_EXLOCK_NONBLOCK_RDWR);
  } catch {
    return () => fs.closeSync(file);
  }
  // Both were opened: these flags mean nothing here.
  fs.closeSync(file);
  fs.closeSync(second);
  throw new Error('this system has no file locks that Holm knows');
}
