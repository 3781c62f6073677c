/// <reference path="../../../src/wit.d.ts" />
/**
 * What the host's imports are under Node: those of the run that the call belongs to.
 *
 * `@stepmill/sdk/testing` runs a plugin within a world. Plugins that run at the same time have each their own.
 */
export type World = {
  write: (
    level: import("stepmill:plugin/log@0.1.0").Level,
    message: string,
    fields: import("stepmill:plugin/log@0.1.0").Field[],
  ) => void;
  /**
   * - of a connector
   */
  send?: import("../http/client.js").Send;
  /**
   * - of a connector
   */
  storage?: import("../storage.js").Backend;
};
/**
 * @template T
 * @param {World} world
 * @param {() => T} run
 */
export declare function within<T>(world: World, run: () => T): T;
/** The world of the run that the call belongs to, if it belongs to one. */
export declare function world(): World | undefined;
/**
 * What only a connector's run has.
 *
 * @template {"send" | "storage"} Key
 * @param {Key} key
 * @returns {NonNullable<World[Key]>}
 */
export declare function reach<Key extends "send" | "storage">(key: Key): NonNullable<World[Key]>;
