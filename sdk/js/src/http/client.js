/**
 * HTTP to the systems that the operator has granted.
 *
 * A target that begins with `http://` or `https://` is an absolute URL and must be granted; anything else is a path at
 * the step's system. The host adds credentials on the way out: the plugin never sees them. Whatever its status, what
 * the system answers is a {@link Response}; no response is an {@link HttpError}. Calls return when the response is
 * there: there is nothing to await.
 */

import { JSON_TYPE } from "../document.js";
import { milliseconds } from "../failure.js";
import { payloadOf } from "../payload.js";
import { HttpError } from "./error.js";
import { Response } from "./response.js";

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
export class Http {
  #send;

  /** @param {Send} send */
  constructor(send) {
    this.#send = send;
  }

  /**
   * @param {string} target
   * @param {RequestOptions} [options]
   */
  get(target, options) {
    return this.request("GET", target, options);
  }

  /**
   * @param {string} target
   * @param {RequestOptions} [options]
   */
  post(target, options) {
    return this.request("POST", target, options);
  }

  /**
   * @param {string} target
   * @param {RequestOptions} [options]
   */
  put(target, options) {
    return this.request("PUT", target, options);
  }

  /**
   * @param {string} target
   * @param {RequestOptions} [options]
   */
  patch(target, options) {
    return this.request("PATCH", target, options);
  }

  /**
   * @param {string} target
   * @param {RequestOptions} [options]
   */
  delete(target, options) {
    return this.request("DELETE", target, options);
  }

  /**
   * Sends a request of any method and waits for the whole response.
   *
   * @param {string} method
   * @param {string} target - a path with optional query at the step's system, or an absolute URL
   * @param {RequestOptions} [options]
   */
  request(method, target, options = {}) {
    const { body, headers } = content(options);
    /** @type {import("stepmill:plugin/http@0.1.0").Request} */
    const request = { method, target: targetOf(withQuery(target, options.query)), headers };
    if (body !== undefined) request.body = body;
    if (options.timeoutMs !== undefined) request.timeoutMs = milliseconds(options.timeoutMs);
    return new Response(this.#exchange(request));
  }

  /** @param {import("stepmill:plugin/http@0.1.0").Request} request */
  #exchange(request) {
    try {
      return this.#send(request);
    } catch (error) {
      const reason = payloadOf(error);
      if (reason === undefined) throw error;
      throw new HttpError(reason);
    }
  }
}

/** @param {RequestOptions} options */
function content({ json, body, headers: given = {} }) {
  if (json !== undefined && body !== undefined)
    throw new TypeError("a request has `json` or `body`, not both");
  const headers = entries(given).map(([name, value]) => ({ name, value: bytes(value) }));
  if (json === undefined) return { headers, body: body === undefined ? undefined : bytes(body) };
  if (!headers.some(({ name }) => name.toLowerCase() === "content-type")) {
    headers.push({ name: "content-type", value: bytes(JSON_TYPE) });
  }
  const text = JSON.stringify(json);
  if (text === undefined)
    throw new TypeError(`\`json\` of a request is ${typeof json}, which JSON cannot say`);
  return { headers, body: bytes(text) };
}

/**
 * @param {string} target
 * @param {RequestOptions["query"]} query
 */
function withQuery(target, query) {
  if (query === undefined) return target;
  const pairs = entries(query).map(([name, value]) => `${encode(name)}=${encode(String(value))}`);
  if (pairs.length === 0) return target;
  // A fragment is never sent, and would swallow the query.
  const [base = ""] = target.split("#", 1);
  return `${base}${base.includes("?") ? "&" : "?"}${pairs.join("&")}`;
}

/**
 * All but RFC 3986's unreserved characters.
 *
 * @param {string} text
 */
function encode(text) {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * @param {string} text
 * @returns {import("stepmill:plugin/http@0.1.0").Target}
 */
function targetOf(text) {
  return { tag: /^https?:\/\//i.test(text) ? "url" : "path", val: text };
}

/**
 * @template V
 * @param {Record<string, V> | Iterable<readonly [string, V]>} given
 * @returns {(readonly [string, V])[]}
 */
function entries(given) {
  return Symbol.iterator in given
    ? [.../** @type {Iterable<readonly [string, V]>} */ (given)]
    : Object.entries(given);
}

/** @param {string | Uint8Array} value */
function bytes(value) {
  return typeof value === "string" ? new TextEncoder().encode(value) : value;
}
