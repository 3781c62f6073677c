/** Reading responses. */

import { decode, parse } from "../document.js";
import { Reject, Retry } from "../failure.js";

/** How much of a body goes into the message of a failure, in bytes. */
const EXCERPT_BYTES = 300;

/**
 * Whether a status says "try again": 408, 425, 429 and all of 5xx but 501 and 505.
 *
 * @param {number} status
 */
export function isPassing(status) {
  if (status === 501 || status === 505) return false;
  return status === 408 || status === 425 || status === 429 || (status >= 500 && status <= 599);
}

/** What a system answered, whole. */
export class Response {
  #headers;
  #body;

  /** @param {import("stepmill:plugin/http@0.1.0").Response} raw */
  constructor(raw) {
    this.status = raw.status;
    this.#headers = raw.headers;
    this.#body = raw.body;
  }

  /** Whether the status is 2xx. */
  get ok() {
    return this.status >= 200 && this.status <= 299;
  }

  /**
   * The first header of this name. Names are case-insensitive.
   *
   * @param {string} name
   */
  header(name) {
    const wanted = name.toLowerCase();
    const found = this.#headers.find((header) => header.name.toLowerCase() === wanted);
    return found && new TextDecoder().decode(found.value);
  }

  /**
   * All headers, in order, with bytes that are no UTF-8 replaced.
   *
   * @returns {[string, string][]}
   */
  headers() {
    return this.#headers.map(({ name, value }) => [name, new TextDecoder().decode(value)]);
  }

  /** The body. */
  bytes() {
    return this.#body;
  }

  /** The body as text. What is not UTF-8 is a rejection with code `response`. */
  text() {
    return decode(this.#body, "response", "the response");
  }

  /**
   * The body as JSON. What does not parse is a rejection with code `response`.
   *
   * @returns {any}
   */
  json() {
    return parse(this.text(), "response", "the response");
  }

  /** How many milliseconds the system asks to wait: `Retry-After` in seconds or, against the clock, as a date. */
  retryAfterMs() {
    const value = this.header("retry-after");
    return value === undefined ? undefined : retryAfter(value, Date.now());
  }

  /** The response if its status is 2xx; else the failure that fits is thrown, see {@link failure}. */
  orFail() {
    if (!this.ok) throw this.failure();
    return this;
  }

  /**
   * The failure that fits the status: a retry, after `Retry-After`, where it says that the trouble may pass
   * ({@link isPassing}); else a rejection with code `http-<status>`. The message has the beginning of the body.
   */
  failure() {
    return isPassing(this.status) ? this.retry() : this.rejection();
  }

  /** A retry, after `Retry-After` if there is one, whatever the status. */
  retry() {
    return new Retry(this.#summary(), { afterMs: this.retryAfterMs() });
  }

  /** A rejection with code `http-<status>`, whatever the status. */
  rejection() {
    return new Reject(`http-${this.status}`, this.#summary());
  }

  #summary() {
    const isCut = this.#body.length > EXCERPT_BYTES;
    // As a stream, so that a character which the cut went through is left out.
    const text = new TextDecoder().decode(this.#body.subarray(0, EXCERPT_BYTES), { stream: isCut }).trim();
    if (text === "") return `the system answered ${this.status} with an empty body`;
    return `the system answered ${this.status}: ${text}${isCut ? "…" : ""}`;
  }
}

/** The three forms of RFC 9110, section 5.6.7: `Date.parse` alone would take much else, such as "1.5". */
const HTTP_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d\d:\d\d:\d\d/;

/**
 * RFC 9110, section 10.2.3. A date that has passed means at once.
 *
 * @param {string} value
 * @param {number} now
 */
function retryAfter(value, now) {
  const trimmed = value.trim();
  if (/^\d+$/.test(trimmed)) return Number(trimmed) * 1000;
  if (!HTTP_DATE.test(trimmed)) return undefined;
  // The asctime form names no zone, and is UTC all the same.
  const date = Date.parse(trimmed.endsWith("GMT") ? trimmed : `${trimmed} GMT`);
  return Number.isNaN(date) ? undefined : Math.max(date - now, 0);
}
