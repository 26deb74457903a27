// `npm test`: brings what the checks need, runs every check in stages, and ends with `N passed, N
// failed`.
//
//   --browsers=chromium,firefox   browser tests in these only; the others are NOT RUN
//   --only=unit,js                run these stages only, on what is already built (for developers)
//   --install                     as root: install missing system packages (CI=true does the same)
//   --dry-run                     print what would be installed and run, and stop
import { buildXtask, installNpmPackages } from './parts/builds.mjs';
import {
  BROWSERS,
  bringPackages,
  bringWasmRoute,
  mayInstallPackages,
  missingPackages,
  missingRustComponents,
  missingTools,
} from './parts/needs.mjs';
import { StepFailed, secondsSince, together, which } from './parts/shell.mjs';
import { lacking, stages } from './parts/stages.mjs';

const args = process.argv.slice(2);
const started = Date.now();

function listOption(name, known) {
  const given = args.find((arg) => arg.startsWith(`--${name}=`));
  if (!given) return known;
  const values = given
    .slice(name.length + 3)
    .split(',')
    .filter(Boolean);
  const unknown = values.filter((value) => !known.includes(value));
  if (unknown.length > 0) {
    throw new StepFailed(`--${name}: ${unknown.join(', ')} is not one of ${known.join(', ')}`);
  }
  return values;
}

function readOptions() {
  const known = ['--install', '--dry-run'];
  const isKnown = (arg) => known.includes(arg) || /^--(browsers|only)=/.test(arg);
  const unknown = args.filter((arg) => !isKnown(arg));
  if (unknown.length > 0) throw new StepFailed(`unknown option: ${unknown.join(' ')}`);
  return {
    browsers: listOption('browsers', Object.keys(BROWSERS)),
    only: listOption(
      'only',
      stages.map((stage) => stage.name),
    ),
    mode: args.includes('--dry-run') ? 'dry-run' : 'install',
    mayInstall: mayInstallPackages(args),
  };
}

/** Everything the stages stand on. Returns the route of the WebAssembly build. */
async function setUp(options) {
  const tools = missingTools();
  if (tools.length > 0) throw new StepFailed(tools.join('\n'));
  const components = missingRustComponents();
  if (components.length > 0)
    throw new StepFailed(`Missing on this machine:\n  ${components.join('\n  ')}`);
  const wantBrowsers = ['browsers', 'ports'].some((name) => options.only.includes(name));
  const browsers = wantBrowsers ? options.browsers : [];
  const packages = bringPackages(missingPackages(browsers), options);
  if (options.mode === 'dry-run') return packages.then(() => null);
  // What may not be installed is said before anything else is done.
  if (!options.mayInstall) await packages;
  const steps = [packages, installNpmPackages()];
  // What it takes to link may be among the packages.
  if (which('cc', 'gcc', 'clang')) steps.push(buildXtask());
  await together(...steps);
  return bringWasmRoute(options);
}

async function runStage(stage, context) {
  const began = Date.now();
  console.log(`\n== ${stage.name}`);
  let counts;
  try {
    const absent = lacking(stage);
    if (absent.length > 0) throw new StepFailed(`not there: ${absent.join(', ')}`);
    counts = await stage.go(context);
  } catch (error) {
    console.error(error instanceof StepFailed ? error.message : error);
    counts = { passed: 0, failed: 1 };
  }
  const verdict = counts.failed === 0 ? 'ok' : 'FAILED';
  console.log(`== ${stage.name}: ${verdict}, ${secondsSince(began)} s`);
  return { name: stage.name, verdict, seconds: secondsSince(began), ...counts };
}

function printSummary(results, options) {
  console.log('\nstage          seconds   passed   failed');
  for (const { name, seconds, passed, failed, verdict } of results) {
    const row = [seconds.padStart(8), String(passed).padStart(9), String(failed).padStart(9)];
    console.log(`${name.padEnd(14)}${row.join('')}   ${verdict}`);
  }
  const notRun = (what, all, named) =>
    all.filter((name) => !named.includes(name)).map((name) => `NOT RUN ${what} ${name}`);
  for (const line of notRun(
    'stage',
    stages.map((stage) => stage.name),
    options.only,
  ))
    console.log(line);
  for (const line of notRun('browser', Object.keys(BROWSERS), options.browsers)) console.log(line);
  console.log(`all: ${secondsSince(started)} s`);
}

async function main() {
  const options = readOptions();
  console.log('== set-up');
  const route = await setUp(options);
  if (options.mode === 'dry-run') return console.log(`would run: ${options.only.join(', ')}`);
  console.log(`== set-up: ok, ${secondsSince(started)} s; WebAssembly by the ${route} route`);
  const results = [];
  for (const stage of stages.filter((stage) => options.only.includes(stage.name))) {
    results.push(await runStage(stage, { ...options, route }));
  }
  printSummary(results, options);
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
  process.exitCode = sum('failed') === 0 ? 0 : 1;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof StepFailed ? error.message : error);
  console.log('0 passed, 1 failed');
  process.exitCode = 1;
}
