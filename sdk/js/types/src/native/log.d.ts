/// <reference path="../../../src/wit.d.ts" />
/** The host's `log` import under Node: outside of a test it prints. */
/** @type {import("./world.js").World["write"]} */
export declare function write(
  level: import("stepmill:plugin/log@0.1.0").Level,
  message: string,
  fields: import("stepmill:plugin/log@0.1.0").Field[],
): void;
