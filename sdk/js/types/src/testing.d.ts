/// <reference path="../../src/wit.d.ts" />
/**
 * Plugins tested on the machine they are written on, without a host.
 *
 * {@link transform}, {@link validate} and {@link connect} run a plugin as the host does, from config and input to
 * output, through the same exports. The outside world is a {@link FakeHttp}, which answers `fetch` too, and a
 * {@link MemoryStorage}.
 *
 * ```js
 * import * as plugin from "../src/index.js";
 * import { connect, FakeHttp } from "@stepmill/sdk/testing";
 *
 * const http = new FakeHttp().replyJson("GET", "/stock?sku=A", 200, { available: 3 });
 * const { output } = await connect(plugin, { input: { sku: "A" }, http });
 * ```
 *
 * What the step throws as a `Reject` or a `Retry` is thrown here; so is what would be a fault on the host.
 */
import { Document } from "./document.js";
import { FakeHttp } from "./testing/http.js";
import { MemoryStorage } from "./testing/storage.js";
export { FakeHttp, MemoryStorage };
export type TransformPlugin = import("./pure.js").TransformPlugin;
export type ValidatePlugin = import("./pure.js").ValidatePlugin;
export type ConnectorPlugin = import("./connector.js").ConnectorPlugin;
export type Attempt = import("stepmill:plugin/types@0.1.0").Attempt;
export type AttemptOptions = {
  workflow?: string;
  run?: string;
  step?: string;
  number?: number;
  idempotencyKey?: string;
  acceptedAt?: Date;
  timeoutMs?: number;
};
export type Options = {
  /**
   * - the step's `with:`; `{}` without it
   */
  config?: unknown;
  /**
   * - a JSON value, or a `Document`
   */
  input: unknown;
  attempt?: AttemptOptions;
  /**
   * - is given the lines that the step logs, as `level: message name=value …`
   */
  logs?: string[];
};
export type Answer = {
  /**
   * - the document's JSON, if it is JSON
   */
  output: any;
  /**
   * - what the step answered
   */
  document: Document;
};
/** @typedef {import("./pure.js").TransformPlugin} TransformPlugin */
/** @typedef {import("./pure.js").ValidatePlugin} ValidatePlugin */
/** @typedef {import("./connector.js").ConnectorPlugin} ConnectorPlugin */
/** @typedef {import("stepmill:plugin/types@0.1.0").Attempt} Attempt */
/**
 * Which attempt to play; what is left out is as in the defaults below.
 *
 * @typedef {object} AttemptOptions
 * @property {string} [workflow]
 * @property {string} [run]
 * @property {string} [step]
 * @property {number} [number]
 * @property {string} [idempotencyKey]
 * @property {Date} [acceptedAt]
 * @property {number} [timeoutMs]
 */
/**
 * @typedef {object} Options
 * @property {unknown} [config] - the step's `with:`; `{}` without it
 * @property {unknown} input - a JSON value, or a `Document`
 * @property {AttemptOptions} [attempt]
 * @property {string[]} [logs] - is given the lines that the step logs, as `level: message name=value …`
 */
/**
 * @typedef {object} Answer
 * @property {any} output - the document's JSON, if it is JSON
 * @property {Document} document - what the step answered
 */
/**
 * Runs a transform.
 *
 * @param {TransformPlugin} plugin
 * @param {Options} options
 * @returns {Promise<Answer>}
 */
export declare function transform(plugin: TransformPlugin, options: Options): Promise<Answer>;
/**
 * Runs a validate.
 *
 * @param {ValidatePlugin} plugin
 * @param {Options} options
 */
export declare function validate(
  plugin: ValidatePlugin,
  options: Options,
): Promise<import("stepmill:plugin/types@0.1.0").Violation[]>;
/**
 * Runs a connector. As on the host, what it wrote to storage is committed if it succeeds and dropped if it fails.
 *
 * @param {ConnectorPlugin} plugin
 * @param {Options & { http?: FakeHttp, storage?: MemoryStorage }} options
 * @returns {Promise<Answer>}
 */
export declare function connect(
  plugin: ConnectorPlugin,
  { http, storage, ...options }: Options & { http?: FakeHttp; storage?: MemoryStorage },
): Promise<Answer>;
/**
 * Makes a config ready, as `stepmill check` does: it throws what `prepare` rejects.
 *
 * @param {TransformPlugin | ValidatePlugin} plugin
 * @param {unknown} config
 */
export declare function prepare(plugin: TransformPlugin | ValidatePlugin, config: unknown): Promise<void>;
