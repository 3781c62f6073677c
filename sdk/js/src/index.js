/**
 * Write Stepmill plugins in JavaScript or TypeScript.
 *
 * A plugin is a module that exports what {@link defineTransform}, {@link defineValidate} or {@link defineConnector}
 * answers. Everything else, the WIT bindings, the parsing of config and input, the manifest with its JSON Schemas,
 * comes from here. README.md is the guide; `@stepmill/sdk/testing` runs plugins under Node, without a host.
 */

export { defineConnector } from "./connector.js";
export { defineTransform, defineValidate } from "./pure.js";
export { Document, JSON_TYPE } from "./document.js";
export { Reject, Retry, StepError } from "./failure.js";
export { HttpError } from "./http/error.js";
export { isPassing, Response } from "./http/response.js";
export { log } from "./log.js";
export { StorageError } from "./storage.js";
export { violation } from "./violation.js";

/** @typedef {import("./context.js").Context} Context */
/** @typedef {import("./context.js").ConnectorContext} ConnectorContext */
/** @typedef {import("./http/client.js").Http} Http */
/** @typedef {import("./http/client.js").RequestOptions} RequestOptions */
/** @typedef {import("./log.js").Log} Log */
/** @typedef {import("./storage.js").Storage} Storage */
/** @typedef {import("./violation.js").Violation} Violation */
/**
 * @template T
 * @typedef {import("./schema.js").Schema<T>} Schema
 */
