/// <reference path="../../src/wit.d.ts" />
/** Which world a module targets, told by what it exports. */
export type Kind = "transform" | "validate" | "connector";
export type World = {
  kind: Kind;
  /**
   * - whether it exports `prepare` too
   */
  isPrepared: boolean;
  /**
   * - in `wit/worlds.wit`
   */
  name: string;
};
/**
 * @param {string} entry - for errors
 * @param {string[]} exports
 * @returns {World}
 */
export declare function worldOf(entry: string, exports: string[]): World;
/**
 * Refuses what a pure step may not import. The host does too, but knows no file.
 *
 * @param {World} world
 * @param {{ path: string, importer: string }[]} imports - of the host
 */
export declare function checkImports({ kind }: World, imports: { path: string; importer: string }[]): void;
/**
 * Refuses exports that are not what the names promise, and names and versions that the host would refuse.
 *
 * @param {string} entry - for errors
 * @param {World} world
 * @param {Record<string, any>} module - what the entry exports, evaluated
 * @returns {import("stepmill:plugin/types@0.1.0").Manifest}
 */
export declare function manifestOf(
  entry: string,
  { kind, isPrepared }: World,
  module: Record<string, any>,
): import("stepmill:plugin/types@0.1.0").Manifest;
