/**
 * What the host's imports are under Node: those of the run that the call belongs to.
 *
 * `@stepmill/sdk/testing` runs a plugin within a world. Plugins that run at the same time have each their own.
 */

import { AsyncLocalStorage } from "node:async_hooks";

/**
 * @typedef {object} World
 * @property {(level: import("stepmill:plugin/log@0.1.0").Level, message: string,
 *   fields: import("stepmill:plugin/log@0.1.0").Field[]) => void} write
 * @property {import("../http/client.js").Send} [send] - of a connector
 * @property {import("../storage.js").Backend} [storage] - of a connector
 */

/** @type {AsyncLocalStorage<World>} */
const worlds = new AsyncLocalStorage();

/**
 * @template T
 * @param {World} world
 * @param {() => T} run
 */
export function within(world, run) {
  return worlds.run(world, run);
}

/** The world of the run that the call belongs to, if it belongs to one. */
export function world() {
  return worlds.getStore();
}

/**
 * What only a connector's run has.
 *
 * @template {"send" | "storage"} Key
 * @param {Key} key
 * @returns {NonNullable<World[Key]>}
 */
export function reach(key) {
  const found = world()?.[key];
  if (!found)
    throw new TypeError("there is no host here: run the connector by `connect` of @stepmill/sdk/testing");
  return found;
}
