/** HTTP without a network. */

import { JSON_TYPE } from "../document.js";
import { Payload } from "../payload.js";

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
export class FakeHttp {
  /** @type {Map<string, Reply[]>} */
  #replies = new Map();
  /** @type {Sent[]} */
  #requests = [];

  /**
   * Answers a method and target (a path with query, or a URL) by a status and a body.
   *
   * @param {string} method
   * @param {string} target
   * @param {number} status
   * @param {string | Uint8Array} [body]
   * @param {Record<string, string>} [headers]
   */
  reply(method, target, status, body = "", headers = {}) {
    const encoder = new TextEncoder();
    const named = Object.entries(headers).map(([name, value]) => ({ name, value: encoder.encode(value) }));
    const bytes = typeof body === "string" ? encoder.encode(body) : body;
    return this.#answer(method, target, { response: { status, headers: named, body: bytes } });
  }

  /**
   * Answers by JSON.
   *
   * @param {string} method
   * @param {string} target
   * @param {number} status
   * @param {unknown} body
   */
  replyJson(method, target, status, body) {
    return this.reply(method, target, status, JSON.stringify(body), { "content-type": JSON_TYPE });
  }

  /**
   * Answers by no response.
   *
   * @param {string} method
   * @param {string} target
   * @param {Reason} reason - such as `{ tag: "timeout", val: "10 s" }`
   */
  fail(method, target, reason) {
    return this.#answer(method, target, { reason });
  }

  /** The requests so far. */
  get requests() {
    return this.#requests;
  }

  /**
   * The host's side: what the `http` import calls.
   *
   * @param {Request} request
   * @returns {RawResponse}
   */
  send({ method, target, headers, body, timeoutMs }) {
    const decoder = new TextDecoder();
    this.#requests.push({
      method,
      target: target.val,
      headers: headers.map(({ name, value }) => [name, decoder.decode(value)]),
      text: body ? decoder.decode(body) : "",
      timeoutMs: timeoutMs === undefined ? undefined : Number(timeoutMs),
    });
    const replies = this.#replies.get(`${method} ${target.val}`) ?? [];
    const reply = replies.length > 1 ? replies.shift() : replies[0];
    if (!reply) throw new Payload({ tag: "connect", val: `no reply for ${method} ${target.val}` });
    if ("reason" in reply) throw new Payload(reply.reason);
    return reply.response;
  }

  /**
   * @param {string} method
   * @param {string} target
   * @param {Reply} reply
   */
  #answer(method, target, reply) {
    const key = `${method} ${target}`;
    this.#replies.set(key, [...(this.#replies.get(key) ?? []), reply]);
    return this;
  }
}
