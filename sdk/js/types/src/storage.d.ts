/// <reference path="../../src/wit.d.ts" />
/**
 * A small durable map, shared by the runs of a workflow.
 *
 * Writes commit together with the attempt's success: a failed attempt leaves none. Reads see what is committed and,
 * over it, what this attempt has written. Between two calls other runs may commit; `ifAbsent`, `ifVersion` and
 * counters are the means to be right all the same. Calls return at once: there is nothing to await.
 *
 * @typedef {import("stepmill:plugin/storage@0.1.0").StorageError} Reason
 * @typedef {import("stepmill:plugin/storage@0.1.0").Entry} Entry
 * @typedef {import("stepmill:plugin/storage@0.1.0").Condition} Condition
 */
export type Reason = import("stepmill:plugin/storage@0.1.0").StorageError;
export type Entry = import("stepmill:plugin/storage@0.1.0").Entry;
export type Condition = import("stepmill:plugin/storage@0.1.0").Condition;
import { StepError } from "./failure.js";
export type Backend = {
  get: (key: string) => Entry | undefined;
  put: (
    key: string,
    value: Uint8Array,
    options: import("stepmill:plugin/storage@0.1.0").PutOptions,
  ) => import("stepmill:plugin/storage@0.1.0").PutOutcome;
  remove: (key: string) => boolean;
  listKeys: (
    prefix: string,
    cursor: string | undefined,
    limit: number,
  ) => import("stepmill:plugin/storage@0.1.0").Page;
  add: (key: string, delta: bigint) => bigint;
  counter: (key: string) => bigint;
};
export type PutOptions = {
  /**
   * - only if the key holds nothing
   */
  ifAbsent?: boolean;
  /**
   * - only if the key's version is this one; see {@link Storage.entry}
   */
  ifVersion?: bigint;
  /**
   * - the value disappears this many milliseconds after the commit; at most ten years
   */
  ttlMs?: number;
};
/**
 * What holds the values: the host, or a map in tests. The verbs are those of the WIT interface.
 *
 * @typedef {object} Backend
 * @property {(key: string) => Entry | undefined} get
 * @property {(key: string, value: Uint8Array, options: import("stepmill:plugin/storage@0.1.0").PutOptions) =>
 *   import("stepmill:plugin/storage@0.1.0").PutOutcome} put
 * @property {(key: string) => boolean} remove
 * @property {(prefix: string, cursor: string | undefined, limit: number) =>
 *   import("stepmill:plugin/storage@0.1.0").Page} listKeys
 * @property {(key: string, delta: bigint) => bigint} add
 * @property {(key: string) => bigint} counter
 */
/**
 * @typedef {object} PutOptions
 * @property {boolean} [ifAbsent] - only if the key holds nothing
 * @property {bigint} [ifVersion] - only if the key's version is this one; see {@link Storage.entry}
 * @property {number} [ttlMs] - the value disappears this many milliseconds after the commit; at most ten years
 */
/**
 * A call was refused: `kind` says why, in the words of the WIT interface. Where it is not caught it is a retry if
 * storage could not be read, else a rejection with code `storage-` and the kind.
 */
export declare class StorageError extends StepError {
  /**
   * Such as `too-large` or `wrong-kind`.
   *
   * @type {Reason["tag"]}
   */
  kind: Reason["tag"];
  /** @param {Reason} reason */
  constructor(reason: Reason);
  /** @override */
  get failure(): import("stepmill:plugin/types@0.1.0").Failure;
}
/** The map; `ctx.storage` of a connector. */
export declare class Storage {
  #private;
  /** @param {Backend} backend */
  constructor(backend: Backend);
  /**
   * The value of a key, or `undefined`.
   *
   * @param {string} key
   */
  get(key: string): Uint8Array<ArrayBufferLike> | undefined;
  /**
   * The value of a key and its version, for `ifVersion`.
   *
   * @param {string} key
   * @returns {Entry | undefined}
   */
  entry(key: string): Entry | undefined;
  /**
   * The value of a key as text. What is not UTF-8 is a rejection with code `storage-value`.
   *
   * @param {string} key
   */
  getText(key: string): string | undefined;
  /**
   * The value of a key, read as JSON. What does not parse is a rejection with code `storage-value`.
   *
   * @param {string} key
   * @returns {any}
   */
  getJson(key: string): any;
  /**
   * Writes text or bytes. Says whether it did: without a condition, always.
   *
   * @param {string} key
   * @param {string | Uint8Array} value
   * @param {PutOptions} [options]
   */
  put(key: string, value: string | Uint8Array, options?: PutOptions): boolean;
  /**
   * Writes a value as JSON. Says whether it did: without a condition, always.
   *
   * @param {string} key
   * @param {unknown} value
   * @param {PutOptions} [options]
   */
  putJson(key: string, value: unknown, options?: PutOptions): boolean;
  /**
   * Removes a value or a counter. Says whether there was one.
   *
   * @param {string} key
   */
  delete(key: string): boolean;
  /**
   * One page of the keys that begin with `prefix`, in ascending order of their bytes.
   *
   * @param {string} prefix
   * @param {{ cursor?: string | undefined, limit?: number }} [options] - `cursor`: that of the page before; `limit`:
   *   1 to 1000
   */
  listKeys(
    prefix: string,
    { cursor, limit }?: { cursor?: string | undefined; limit?: number },
  ): import("stepmill:plugin/storage@0.1.0").Page;
  /**
   * All keys that begin with `prefix`, in ascending order of their bytes, fetched a page at a time. For `for` and
   * `for await`.
   *
   * @param {string} [prefix]
   * @returns {Generator<string, void>}
   */
  keys(prefix?: string): Generator<string, void>;
  /**
   * Adds to a counter, which begins at 0, and answers its value with this in it. The answer is not unique to this
   * attempt. Beyond 2^53 it is rounded.
   *
   * @param {string} key
   * @param {number | bigint} [delta] - a whole number
   */
  add(key: string, delta?: number | bigint): number;
  /**
   * The value of a counter; 0 where there is none. Beyond 2^53 it is rounded.
   *
   * @param {string} key
   */
  counter(key: string): number;
}
