/// <reference path="../../../src/wit.d.ts" />
/**
 * HTTP to the systems that the operator has granted.
 *
 * A target that begins with `http://` or `https://` is an absolute URL and must be granted; anything else is a path at
 * the step's system. The host adds credentials on the way out: the plugin never sees them. Whatever its status, what
 * the system answers is a {@link Response}; no response is an {@link HttpError}. Calls return when the response is
 * there: there is nothing to await.
 */
import { Response } from "./response.js";
export type RequestOptions = {
  /**
   * - a value sent as JSON, with its content type unless `headers` has one
   */
  json?: unknown;
  /**
   * - text or bytes sent as they are
   */
  body?: string | Uint8Array;
  /**
   * - repeats are kept
   */
  headers?: Record<string, string> | Iterable<readonly [string, string | Uint8Array]>;
  /**
   * -
   * parameters for the target, percent-encoded; repeats are kept
   */
  query?: Record<string, string | number | boolean> | Iterable<readonly [string, string | number | boolean]>;
  /**
   * - limits the whole exchange; clamped to what is left of the attempt
   */
  timeoutMs?: number;
};
export type Send = (
  request: import("stepmill:plugin/http@0.1.0").Request,
) => import("stepmill:plugin/http@0.1.0").Response;
/**
 * @typedef {object} RequestOptions
 * @property {unknown} [json] - a value sent as JSON, with its content type unless `headers` has one
 * @property {string | Uint8Array} [body] - text or bytes sent as they are
 * @property {Record<string, string> | Iterable<readonly [string, string | Uint8Array]>} [headers] - repeats are kept
 * @property {Record<string, string | number | boolean> | Iterable<readonly [string, string | number | boolean]>} [query] -
 *   parameters for the target, percent-encoded; repeats are kept
 * @property {number} [timeoutMs] - limits the whole exchange; clamped to what is left of the attempt
 */
/** @typedef {(request: import("stepmill:plugin/http@0.1.0").Request) => import("stepmill:plugin/http@0.1.0").Response} Send */
/** Sends requests; `ctx.http` of a connector. */
export declare class Http {
  #private;
  /** @param {Send} send */
  constructor(send: Send);
  /**
   * @param {string} target
   * @param {RequestOptions} [options]
   */
  get(target: string, options?: RequestOptions): Response;
  /**
   * @param {string} target
   * @param {RequestOptions} [options]
   */
  post(target: string, options?: RequestOptions): Response;
  /**
   * @param {string} target
   * @param {RequestOptions} [options]
   */
  put(target: string, options?: RequestOptions): Response;
  /**
   * @param {string} target
   * @param {RequestOptions} [options]
   */
  patch(target: string, options?: RequestOptions): Response;
  /**
   * @param {string} target
   * @param {RequestOptions} [options]
   */
  delete(target: string, options?: RequestOptions): Response;
  /**
   * Sends a request of any method and waits for the whole response.
   *
   * @param {string} method
   * @param {string} target - a path with optional query at the step's system, or an absolute URL
   * @param {RequestOptions} [options]
   */
  request(method: string, target: string, options?: RequestOptions): Response;
}
