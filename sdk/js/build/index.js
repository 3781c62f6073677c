/** From a module to a component: what `stepmill-build` does. */

import { mkdir, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";

import { bundle, evaluate } from "./bundle.js";
import { componentize } from "./engine.js";
import { BuildError } from "./error.js";
import { wit } from "./wit.js";
import { checkImports, manifestOf, worldOf } from "./world.js";

export { BuildError };

/**
 * @typedef {object} Built
 * @property {string} path - of the component
 * @property {number} bytes - its size
 * @property {import("./world.js").Kind} kind
 * @property {import("stepmill:plugin/types@0.1.0").Manifest} manifest
 */

/**
 * Builds `<out>/<name>.wasm`, with the name from the manifest, and leaves `<out>/<name>.js` beside it, to which the lines of
 * the plugin's stacks refer.
 *
 * @param {object} options
 * @param {string} options.entry - the module, JavaScript or TypeScript, relative to `cwd`
 * @param {string} [options.out]
 * @param {string} [options.cwd]
 * @returns {Promise<Built>}
 */
export async function build({ entry, out = "dist", cwd = process.cwd() }) {
  const { code, exports, imports } = await bundle(entry, cwd);
  const world = worldOf(entry, exports);
  checkImports(world, imports);
  const manifest = manifestOf(entry, world, await evaluate(entry, cwd));
  const folder = resolve(cwd, out);
  const source = join(folder, `${manifest.name}.js`);
  const path = join(folder, `${manifest.name}.wasm`);
  await mkdir(folder, { recursive: true });
  await writeFile(source, code);
  // A variable, as the declaration of the options lacks `witWorld`, which only the older signature declares.
  const options = {
    sourcePath: source,
    witWorld: wit(),
    worldName: world.name,
    disableFeatures: withheld(world),
  };
  const component = await componentOf(options, relative(cwd, source));
  await writeFile(path, component);
  return { path: relative(cwd, path), bytes: component.length, kind: world.kind, manifest };
}

/**
 * The component. What is at the top of the modules is run in the engine for it, which has less than Node: what it cannot
 * do is told with its line in the bundle.
 *
 * @param {import("@bytecodealliance/componentize-js").ComponentizeOptions} options
 * @param {string} source - for errors
 */
async function componentOf(options, source) {
  try {
    return (await componentize(options)).component;
  } catch (error) {
    const told = error instanceof Error ? error.message : String(error);
    throw new BuildError(`the engine refuses ${source}: ${told}`, { cause: error });
  }
}

/**
 * The parts of the engine that a step must do without. What is withheld is not imported either, so that the host sees
 * that a pure step is pure.
 *
 * @param {import("./world.js").World} world
 * @returns {("http" | "fetch-event" | "clocks" | "random")[]}
 */
function withheld({ kind, isPrepared }) {
  // No step serves HTTP.
  if (kind === "connector") return ["fetch-event"];
  // With them the engine reads a clock and draws a seed at its first call: the host keeps no memory after that.
  return isPrepared ? ["fetch-event", "http", "clocks", "random"] : ["fetch-event", "http"];
}
