/// <reference path="../../src/wit.d.ts" />
/** From a module to a component: what `stepmill-build` does. */
import { BuildError } from "./error.js";
export { BuildError };
export type Built = {
  /**
   * - of the component
   */
  path: string;
  /**
   * - its size
   */
  bytes: number;
  kind: import("./world.js").Kind;
  manifest: import("stepmill:plugin/types@0.1.0").Manifest;
};
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
export declare function build({
  entry,
  out,
  cwd,
}: {
  entry: string;
  out?: string;
  cwd?: string;
}): Promise<Built>;
