// What the machine must have, and the exact command that brings what it lacks.
// System packages are installed only as root with CI=true or --install.
import { existsSync, readdirSync } from 'node:fs';
import { ask, must, run, StepFailed, which } from './shell.mjs';

const NODE_MAJOR_MIN = 20;
const NO_WASM_ROUTE = 3;

/** Where each browser is. HOLM_WEBKIT names the WebKitWebDriver program. */
export const BROWSERS = {
  chromium: {
    variable: 'HOLM_CHROMIUM',
    names: ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'],
    packages: ['chromium'],
  },
  firefox: {
    variable: 'HOLM_FIREFOX',
    names: ['firefox-esr', 'firefox'],
    packages: ['firefox-esr'],
  },
  webkit: {
    variable: 'HOLM_WEBKIT',
    names: ['WebKitWebDriver'],
    packages: ['webkit2gtk-driver', 'xvfb', 'xauth'],
    helpers: ['xvfb-run', 'xauth'],
  },
};

/** Path of a browser, or null when it or a program it needs is missing. */
export function findBrowser(name) {
  const { variable, names, helpers = [] } = BROWSERS[name];
  if (helpers.some((helper) => which(helper) === null)) return null;
  const named = process.env[variable];
  if (named) return existsSync(named) ? named : null;
  return which(...names);
}

/** What no package manager of ours can bring: one line for each thing missing. */
export function missingTools() {
  const lines = [];
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < NODE_MAJOR_MIN || (major === NODE_MAJOR_MIN && minor < 19)) {
    lines.push(`Node ${process.versions.node} is too old: 20.19 or newer is needed`);
  }
  if (!which('npm')) lines.push('npm is missing: it comes with Node');
  if (!which('cargo') || !which('rustc')) {
    lines.push(
      'Rust is missing: install it with rustup (https://rustup.rs), stable, 1.95 or newer',
    );
  }
  return lines;
}

/** What the checks need of Rust beyond the compiler. */
export function missingRustComponents() {
  const wanted = { rustfmt: ['fmt', '--version'], clippy: ['clippy', '--version'] };
  const missing = Object.keys(wanted).filter((name) => ask('cargo', wanted[name]) === null);
  return missing.length === 0 ? [] : [`rustup component add ${missing.join(' ')}`];
}

export function missingPackages(browsers) {
  const packages = [];
  if (!which('cc', 'gcc', 'clang')) packages.push('gcc', 'libc6-dev');
  for (const browser of browsers) {
    if (!findBrowser(browser)) packages.push(...BROWSERS[browser].packages);
  }
  if (browsers.length > 0 && !hasFonts()) packages.push('fonts-dejavu-core');
  return packages;
}

function hasFonts() {
  const folder = '/usr/share/fonts/truetype';
  return process.platform !== 'linux' || (existsSync(folder) && readdirSync(folder).length > 0);
}

/**
 * Installs system packages where that is allowed, or says the command. Does nothing for an
 * empty list.
 * `mode` is 'install' or 'dry-run'.
 */
export async function bringPackages(packages, { mode, mayInstall }) {
  if (packages.length === 0) return;
  const list = packages.join(' ');
  const install = `apt-get install -y --no-install-recommends ${list}`;
  if (mode === 'dry-run') return console.log(`would run: apt-get update && ${install}`);
  if (!mayInstall) {
    throw new StepFailed(
      `Missing on this machine: ${list}\nInstall with:\n` +
        `  sudo apt-get update && sudo ${install}\n` +
        'or run as root with --install.',
    );
  }
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await must('apt-get', ['update', '-q'], { env });
  await must('apt-get', install.split(' ').slice(1), { env });
}

/** True where system packages may be installed. */
export function mayInstallPackages(args) {
  const isRoot = process.getuid?.() === 0;
  return isRoot && (process.env.CI === 'true' || args.includes('--install'));
}

/**
 * Chooses the route of the WebAssembly build, bringing Debian's compiler where that is the only
 * way.
 */
export async function bringWasmRoute(options) {
  const first = await run('cargo', ['xtask', 'route'], { show: false });
  if (first.code === 0) return first.output.trim().split('\n').at(-1);
  if (first.code !== NO_WASM_ROUTE) throw new StepFailed(first.output);
  const packages = first.output.match(/--no-install-recommends (.+)/)?.[1].split(' ') ?? [];
  if (!options.mayInstall) throw new StepFailed(first.output.trim());
  await bringPackages(packages, options);
  return (await must('cargo', ['xtask', 'route'], { show: false })).trim().split('\n').at(-1);
}
