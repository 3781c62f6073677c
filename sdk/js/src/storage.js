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

import { decode, parse } from "./document.js";
import { milliseconds, Reject, Retry, StepError } from "./failure.js";
import { payloadOf } from "./payload.js";

/** How many keys are asked for at a time; the host's maximum. */
const KEYS_PER_PAGE = 1000;

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
export class StorageError extends StepError {
  /** @param {Reason} reason */
  constructor(reason) {
    super(sentence(reason));
    this.name = "StorageError";
    /**
     * Such as `too-large` or `wrong-kind`.
     *
     * @type {Reason["tag"]}
     */
    this.kind = reason.tag;
  }

  /** @override */
  get failure() {
    const { kind, message } = this;
    const isPassing = kind === "unavailable" || kind === "other";
    return (isPassing ? new Retry(message) : new Reject(`storage-${kind}`, message)).failure;
  }
}

/** The map; `ctx.storage` of a connector. */
export class Storage {
  #backend;

  /** @param {Backend} backend */
  constructor(backend) {
    this.#backend = backend;
  }

  /**
   * The value of a key, or `undefined`.
   *
   * @param {string} key
   */
  get(key) {
    return this.entry(key)?.value;
  }

  /**
   * The value of a key and its version, for `ifVersion`.
   *
   * @param {string} key
   * @returns {Entry | undefined}
   */
  entry(key) {
    return asked(() => this.#backend.get(key));
  }

  /**
   * The value of a key as text. What is not UTF-8 is a rejection with code `storage-value`.
   *
   * @param {string} key
   */
  getText(key) {
    const value = this.get(key);
    return value && decode(value, "storage-value", `the value of \`${key}\``);
  }

  /**
   * The value of a key, read as JSON. What does not parse is a rejection with code `storage-value`.
   *
   * @param {string} key
   * @returns {any}
   */
  getJson(key) {
    const text = this.getText(key);
    return text === undefined ? undefined : parse(text, "storage-value", `the value of \`${key}\``);
  }

  /**
   * Writes text or bytes. Says whether it did: without a condition, always.
   *
   * @param {string} key
   * @param {string | Uint8Array} value
   * @param {PutOptions} [options]
   */
  put(key, value, options = {}) {
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
    /** @type {import("stepmill:plugin/storage@0.1.0").PutOptions} */
    const told = { condition: condition(options) };
    if (options.ttlMs !== undefined) told.ttlMs = milliseconds(options.ttlMs);
    return asked(() => this.#backend.put(key, bytes, told)).tag === "written";
  }

  /**
   * Writes a value as JSON. Says whether it did: without a condition, always.
   *
   * @param {string} key
   * @param {unknown} value
   * @param {PutOptions} [options]
   */
  putJson(key, value, options) {
    const text = JSON.stringify(value);
    if (text === undefined)
      throw new TypeError(`the value for \`${key}\` is ${typeof value}, which JSON cannot say`);
    return this.put(key, text, options);
  }

  /**
   * Removes a value or a counter. Says whether there was one.
   *
   * @param {string} key
   */
  delete(key) {
    return asked(() => this.#backend.remove(key));
  }

  /**
   * One page of the keys that begin with `prefix`, in ascending order of their bytes.
   *
   * @param {string} prefix
   * @param {{ cursor?: string | undefined, limit?: number }} [options] - `cursor`: that of the page before; `limit`:
   *   1 to 1000
   */
  listKeys(prefix, { cursor, limit = KEYS_PER_PAGE } = {}) {
    return asked(() => this.#backend.listKeys(prefix, cursor, limit));
  }

  /**
   * All keys that begin with `prefix`, in ascending order of their bytes, fetched a page at a time. For `for` and
   * `for await`.
   *
   * @param {string} [prefix]
   * @returns {Generator<string, void>}
   */
  *keys(prefix = "") {
    /** @type {string | undefined} */
    let cursor;
    do {
      const page = this.listKeys(prefix, { cursor });
      yield* page.keys;
      cursor = page.cursor;
    } while (cursor !== undefined);
  }

  /**
   * Adds to a counter, which begins at 0, and answers its value with this in it. The answer is not unique to this
   * attempt. Beyond 2^53 it is rounded.
   *
   * @param {string} key
   * @param {number | bigint} [delta] - a whole number
   */
  add(key, delta = 1) {
    return Number(asked(() => this.#backend.add(key, BigInt(delta))));
  }

  /**
   * The value of a counter; 0 where there is none. Beyond 2^53 it is rounded.
   *
   * @param {string} key
   */
  counter(key) {
    return Number(asked(() => this.#backend.counter(key)));
  }
}

/**
 * @param {PutOptions} options
 * @returns {Condition}
 */
function condition({ ifAbsent, ifVersion }) {
  if (ifAbsent && ifVersion !== undefined)
    throw new TypeError("a put has `ifAbsent` or `ifVersion`, not both");
  if (ifVersion !== undefined) return { tag: "if-version", val: ifVersion };
  return { tag: ifAbsent ? "if-absent" : "always" };
}

/**
 * @template T
 * @param {() => T} call
 */
function asked(call) {
  try {
    return call();
  } catch (error) {
    const reason = payloadOf(error);
    if (reason === undefined) throw error;
    throw new StorageError(reason);
  }
}

/** @param {Reason} reason */
function sentence(reason) {
  switch (reason.tag) {
    case "invalid-key":
      return `invalid storage key: ${reason.val}`;
    case "too-large":
      return `the value is larger than ${reason.val} bytes`;
    case "limit-reached":
      return `storage limit reached: ${reason.val}`;
    case "wrong-kind":
      return `wrong kind of storage entry: ${reason.val}`;
    case "unavailable":
      return `storage is unavailable: ${reason.val}`;
    case "other":
      return reason.val;
  }
}
