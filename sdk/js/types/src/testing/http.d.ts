/// <reference path="../../../src/wit.d.ts" />
/** HTTP without a network. */
export type Request = import("stepmill:plugin/http@0.1.0").Request;
export type RawResponse = import("stepmill:plugin/http@0.1.0").Response;
export type Reason = import("stepmill:plugin/http@0.1.0").HttpError;
export type Reply = { response: RawResponse } | { reason: Reason };
export type Sent = {
  method: string;
  /**
   * - a path with query, or a URL
   */
  target: string;
  headers: [string, string][];
  /**
   * - the body; empty if there is none
   */
  text: string;
  timeoutMs: number | undefined;
};
/**
 * @typedef {import("stepmill:plugin/http@0.1.0").Request} Request
 * @typedef {import("stepmill:plugin/http@0.1.0").Response} RawResponse
 * @typedef {import("stepmill:plugin/http@0.1.0").HttpError} Reason
 * @typedef {{ response: RawResponse } | { reason: Reason }} Reply
 */
/**
 * A request that was sent, with its body and headers as text.
 *
 * @typedef {object} Sent
 * @property {string} method
 * @property {string} target - a path with query, or a URL
 * @property {[string, string][]} headers
 * @property {string} text - the body; empty if there is none
 * @property {number | undefined} timeoutMs
 */
/**
 * Answers requests of `ctx.http` and of `fetch` from a script, and keeps them for inspection.
 *
 * Replies to one method and target are used up in order, the last one again and again. What has no reply is an
 * `HttpError` of kind `connect` that says so.
 */
export declare class FakeHttp {
  #private;
  /**
   * Answers a method and target (a path with query, or a URL) by a status and a body.
   *
   * @param {string} method
   * @param {string} target
   * @param {number} status
   * @param {string | Uint8Array} [body]
   * @param {Record<string, string>} [headers]
   */
  reply(
    method: string,
    target: string,
    status: number,
    body?: string | Uint8Array,
    headers?: Record<string, string>,
  ): this;
  /**
   * Answers by JSON.
   *
   * @param {string} method
   * @param {string} target
   * @param {number} status
   * @param {unknown} body
   */
  replyJson(method: string, target: string, status: number, body: unknown): this;
  /**
   * Answers by no response.
   *
   * @param {string} method
   * @param {string} target
   * @param {Reason} reason - such as `{ tag: "timeout", val: "10 s" }`
   */
  fail(method: string, target: string, reason: Reason): this;
  /** The requests so far. */
  get requests(): Sent[];
  /**
   * The host's side: what the `http` import calls.
   *
   * @param {Request} request
   * @returns {RawResponse}
   */
  send({ method, target, headers, body, timeoutMs }: Request): RawResponse;
}
