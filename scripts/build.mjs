// `npm run build`: the package as it is published, in dist/.
import { buildJs, buildWasm, installNpmPackages } from './parts/builds.mjs';
import { bringWasmRoute, mayInstallPackages, missingTools } from './parts/needs.mjs';
import { StepFailed } from './parts/shell.mjs';

try {
  const tools = missingTools();
  if (tools.length > 0) throw new StepFailed(tools.join('\n'));
  await installNpmPackages();
  const mayInstall = mayInstallPackages(process.argv.slice(2));
  await buildWasm(await bringWasmRoute({ mode: 'install', mayInstall }));
  await buildJs();
} catch (error) {
  console.error(error instanceof StepFailed ? error.message : error);
  process.exitCode = 1;
}
