/** The host's `storage` import under Node. */
export type Backend = import("../storage.js").Backend;
/** @typedef {import("../storage.js").Backend} Backend */
/** @type {Backend["get"]} */
export declare const get: Backend["get"];
/** @type {Backend["put"]} */
export declare const put: Backend["put"];
/** @type {Backend["remove"]} */
export declare const remove: Backend["remove"];
/** @type {Backend["listKeys"]} */
export declare const listKeys: Backend["listKeys"];
/** @type {Backend["add"]} */
export declare const add: Backend["add"];
/** @type {Backend["counter"]} */
export declare const counter: Backend["counter"];
