/// <reference path="../../../src/wit.d.ts" />
/** Storage without a host. */
export type Backend = import("../storage.js").Backend;
export type Slot = { value: Uint8Array; version: bigint } | { count: bigint };
/**
 * Storage in memory, with the buffering of one attempt. Values never expire: a time to live is taken and forgotten.
 *
 * @implements {Backend}
 */
export declare class MemoryStorage implements Backend {
  #private;
  /** @param {Record<string, unknown>} [values] - what is committed, by key, as JSON values */
  constructor(values?: Record<string, unknown>);
  /** What is there, by key: values as JSON where they are JSON, else as text; counters as numbers. */
  contents(): { [k: string]: any };
  /** Commits what the attempt has written, as the host does when an attempt succeeds. */
  commit(): void;
  /** Forgets what the attempt has written, as the host does when an attempt fails. */
  rollBack(): void;
  /** @type {Backend["get"]} */
  get(key: string): import("stepmill:plugin/storage@0.1.0").Entry | undefined;
  /** @type {Backend["put"]} */
  put(
    key: string,
    value: Uint8Array<ArrayBufferLike>,
    { condition }: import("stepmill:plugin/storage@0.1.0").PutOptions,
  ): import("stepmill:plugin/storage@0.1.0").PutOutcome;
  /** @type {Backend["remove"]} */
  remove(key: string): boolean;
  /** @type {Backend["listKeys"]} */
  listKeys(
    prefix: string,
    cursor: string | undefined,
    limit: number,
  ): import("stepmill:plugin/storage@0.1.0").Page;
  /** @type {Backend["add"]} */
  add(key: string, delta: bigint): bigint;
  /** @type {Backend["counter"]} */
  counter(key: string): bigint;
}
