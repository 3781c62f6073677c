/// <reference path="../../../src/wit.d.ts" />
/** Reading responses. */
import { Reject, Retry } from "../failure.js";
/**
 * Whether a status says "try again": 408, 425, 429 and all of 5xx but 501 and 505.
 *
 * @param {number} status
 */
export declare function isPassing(status: number): boolean;
/** What a system answered, whole. */
export declare class Response {
  #private;
  status: number;
  /** @param {import("stepmill:plugin/http@0.1.0").Response} raw */
  constructor(raw: import("stepmill:plugin/http@0.1.0").Response);
  /** Whether the status is 2xx. */
  get ok(): boolean;
  /**
   * The first header of this name. Names are case-insensitive.
   *
   * @param {string} name
   */
  header(name: string): string | undefined;
  /**
   * All headers, in order, with bytes that are no UTF-8 replaced.
   *
   * @returns {[string, string][]}
   */
  headers(): [string, string][];
  /** The body. */
  bytes(): Uint8Array<ArrayBufferLike>;
  /** The body as text. What is not UTF-8 is a rejection with code `response`. */
  text(): string;
  /**
   * The body as JSON. What does not parse is a rejection with code `response`.
   *
   * @returns {any}
   */
  json(): any;
  /** How many milliseconds the system asks to wait: `Retry-After` in seconds or, against the clock, as a date. */
  retryAfterMs(): number | undefined;
  /** The response if its status is 2xx; else the failure that fits is thrown, see {@link failure}. */
  orFail(): this;
  /**
   * The failure that fits the status: a retry, after `Retry-After`, where it says that the trouble may pass
   * ({@link isPassing}); else a rejection with code `http-<status>`. The message has the beginning of the body.
   */
  failure(): Reject | Retry;
  /** A retry, after `Retry-After` if there is one, whatever the status. */
  retry(): Retry;
  /** A rejection with code `http-<status>`, whatever the status. */
  rejection(): Reject;
}
