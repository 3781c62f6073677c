/** Storage without a host. */

import { Payload } from "../payload.js";

/** @typedef {import("../storage.js").Backend} Backend */
/** @typedef {{ value: Uint8Array, version: bigint } | { count: bigint }} Slot */

const MAX_KEY_BYTES = 512;
const MAX_COUNT = 2n ** 63n - 1n;

/**
 * Storage in memory, with the buffering of one attempt. Values never expire: a time to live is taken and forgotten.
 *
 * @implements {Backend}
 */
export class MemoryStorage {
  /** @type {Map<string, Slot>} */
  #committed = new Map();
  /**
   * What the attempt has written; `undefined` where it has removed.
   *
   * @type {Map<string, Slot | undefined>}
   */
  #buffered = new Map();
  #lastVersion = 0n;

  /** @param {Record<string, unknown>} [values] - what is committed, by key, as JSON values */
  constructor(values = {}) {
    for (const [key, value] of Object.entries(values)) {
      this.put(key, new TextEncoder().encode(JSON.stringify(value)), { condition: { tag: "always" } });
    }
    this.commit();
  }

  /** What is there, by key: values as JSON where they are JSON, else as text; counters as numbers. */
  contents() {
    const keys = this.#keys().filter((key) => this.#slot(key));
    return Object.fromEntries(keys.map((key) => [key, shown(this.#slot(key))]));
  }

  /** Commits what the attempt has written, as the host does when an attempt succeeds. */
  commit() {
    for (const [key, slot] of this.#buffered) {
      if (!slot) this.#committed.delete(key);
      else if ("count" in slot) this.#committed.set(key, slot);
      else this.#committed.set(key, { value: slot.value, version: (this.#lastVersion += 1n) });
    }
    this.#buffered.clear();
  }

  /** Forgets what the attempt has written, as the host does when an attempt fails. */
  rollBack() {
    this.#buffered.clear();
  }

  /** @type {Backend["get"]} */
  get(key) {
    return this.#entry(key);
  }

  /** @type {Backend["put"]} */
  put(key, value, { condition }) {
    const version = this.#entry(key)?.version;
    const holds =
      condition.tag === "always" ||
      (condition.tag === "if-absent" ? version === undefined : version === condition.val);
    if (!holds) return { tag: "lost", val: version };
    this.#buffered.set(key, { value: Uint8Array.from(value), version: version ?? 0n });
    return { tag: "written" };
  }

  /** @type {Backend["remove"]} */
  remove(key) {
    const wasThere = this.#slot(checked(key)) !== undefined;
    this.#buffered.set(key, undefined);
    return wasThere;
  }

  /** @type {Backend["listKeys"]} */
  listKeys(prefix, cursor, limit) {
    const isAfter = (/** @type {string} */ key) => cursor === undefined || byBytes(key, cursor) > 0;
    const keys = this.#keys().filter((key) => key.startsWith(prefix) && isAfter(key) && this.#slot(key));
    const page = keys.slice(0, Math.min(Math.max(limit, 1), 1000));
    return keys.length > page.length ? { keys: page, cursor: page.at(-1) } : { keys: page };
  }

  /** @type {Backend["add"]} */
  add(key, delta) {
    const sum = this.counter(key) + delta;
    const count = sum > MAX_COUNT ? MAX_COUNT : sum < ~MAX_COUNT ? ~MAX_COUNT : sum;
    this.#buffered.set(key, { count });
    return count;
  }

  /** @type {Backend["counter"]} */
  counter(key) {
    const slot = this.#slot(checked(key));
    if (slot && "value" in slot) throw new Payload({ tag: "wrong-kind", val: `\`${key}\` is not a counter` });
    return slot?.count ?? 0n;
  }

  /** @param {string} key */
  #slot(key) {
    return this.#buffered.has(key) ? this.#buffered.get(key) : this.#committed.get(key);
  }

  /** @param {string} key */
  #entry(key) {
    const slot = this.#slot(checked(key));
    if (slot && "count" in slot) throw new Payload({ tag: "wrong-kind", val: `\`${key}\` is a counter` });
    return slot;
  }

  /** All that there may be, in order. */
  #keys() {
    return [...new Set([...this.#committed.keys(), ...this.#buffered.keys()])].sort(byBytes);
  }
}

/** @param {string} key */
function checked(key) {
  const bytes = new TextEncoder().encode(key).length;
  if (bytes < 1 || bytes > MAX_KEY_BYTES) {
    throw new Payload({ tag: "invalid-key", val: `${bytes} bytes, not 1 to ${MAX_KEY_BYTES}` });
  }
  return key;
}

/**
 * The order of UTF-8, which is not that of JavaScript's strings.
 *
 * @param {string} a
 * @param {string} b
 */
function byBytes(a, b) {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** @param {Slot | undefined} slot */
function shown(slot) {
  if (!slot) return undefined;
  if ("count" in slot) return Number(slot.count);
  const text = new TextDecoder().decode(slot.value);
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
