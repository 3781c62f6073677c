/** The host's `storage` import under Node. */

import { reach } from "./world.js";

/** @typedef {import("../storage.js").Backend} Backend */

/** @type {Backend["get"]} */
export const get = (key) => reach("storage").get(key);
/** @type {Backend["put"]} */
export const put = (key, value, options) => reach("storage").put(key, value, options);
/** @type {Backend["remove"]} */
export const remove = (key) => reach("storage").remove(key);
/** @type {Backend["listKeys"]} */
export const listKeys = (prefix, cursor, limit) => reach("storage").listKeys(prefix, cursor, limit);
/** @type {Backend["add"]} */
export const add = (key, delta) => reach("storage").add(key, delta);
/** @type {Backend["counter"]} */
export const counter = (key) => reach("storage").counter(key);
