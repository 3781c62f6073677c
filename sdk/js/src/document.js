/** Documents: what flows from step to step. */

import { Reject } from "./failure.js";

/** Media type of JSON. */
export const JSON_TYPE = "application/json";

/**
 * A media type and a body, which is text or bytes. JSON always travels as text.
 *
 * As `input:` of a definition the class itself says that the step takes documents as they come, whatever they are.
 */
export class Document {
  /**
   * @param {string} mediaType - RFC 9110 media type, such as `text/csv`
   * @param {string | Uint8Array} body
   */
  constructor(mediaType, body) {
    this.mediaType = mediaType;
    this.body = body;
  }

  /**
   * A value as JSON: compact, with keys in the order in which they were set.
   *
   * @param {unknown} value
   */
  static json(value) {
    return new Document(JSON_TYPE, stringify(value));
  }

  /**
   * Text.
   *
   * @param {string} text
   * @param {string} [mediaType]
   */
  static text(text, mediaType = "text/plain") {
    return new Document(mediaType, text);
  }

  /**
   * Bytes.
   *
   * @param {Uint8Array} bytes
   * @param {string} [mediaType]
   */
  static binary(bytes, mediaType = "application/octet-stream") {
    return new Document(mediaType, bytes);
  }

  /** The body as text: as it is, or bytes that are UTF-8. Others are a rejection with code `input`. */
  text() {
    if (typeof this.body === "string") return this.body;
    return decode(this.body, "input", "the document");
  }

  /** The body's bytes. */
  bytes() {
    return typeof this.body === "string" ? new TextEncoder().encode(this.body) : this.body;
  }

  /**
   * The body as JSON. What does not parse is a rejection with code `input`.
   *
   * @returns {any}
   */
  json() {
    return parse(this.text(), "input", "the input");
  }
}

/**
 * Parses JSON, or rejects.
 *
 * @param {string} text
 * @param {string} code - of the rejection
 * @param {string} what - is being parsed, for its message
 * @returns {any}
 */
export function parse(text, code, what) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Reject(code, `${what} is not JSON: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Decodes UTF-8, or rejects.
 *
 * @param {Uint8Array} bytes
 * @param {string} code - of the rejection
 * @param {string} what - is being decoded, for its message
 */
export function decode(bytes, code, what) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new Reject(code, `${what} is not UTF-8`, { cause: error });
  }
}

/**
 * Writes JSON. What cannot be written is a rejection with code `output`, as it would be at every attempt.
 *
 * @param {unknown} value
 */
function stringify(value) {
  let text;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new Reject("output", `the output is not JSON: ${messageOf(error)}`, { cause: error });
  }
  if (text === undefined) {
    throw new Reject("output", `the output is not JSON but ${typeof value}: answer a value, or a Document`);
  }
  return text;
}

/** @param {unknown} error */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
