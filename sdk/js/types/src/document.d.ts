/** Documents: what flows from step to step. */
/** Media type of JSON. */
export declare const JSON_TYPE = "application/json";
/**
 * A media type and a body, which is text or bytes. JSON always travels as text.
 *
 * As `input:` of a definition the class itself says that the step takes documents as they come, whatever they are.
 */
export declare class Document {
  mediaType: string;
  body: string | Uint8Array<ArrayBufferLike>;
  /**
   * @param {string} mediaType - RFC 9110 media type, such as `text/csv`
   * @param {string | Uint8Array} body
   */
  constructor(mediaType: string, body: string | Uint8Array);
  /**
   * A value as JSON: compact, with keys in the order in which they were set.
   *
   * @param {unknown} value
   */
  static json(value: unknown): Document;
  /**
   * Text.
   *
   * @param {string} text
   * @param {string} [mediaType]
   */
  static text(text: string, mediaType?: string): Document;
  /**
   * Bytes.
   *
   * @param {Uint8Array} bytes
   * @param {string} [mediaType]
   */
  static binary(bytes: Uint8Array, mediaType?: string): Document;
  /** The body as text: as it is, or bytes that are UTF-8. Others are a rejection with code `input`. */
  text(): string;
  /** The body's bytes. */
  bytes(): Uint8Array<ArrayBufferLike>;
  /**
   * The body as JSON. What does not parse is a rejection with code `input`.
   *
   * @returns {any}
   */
  json(): any;
}
/**
 * Parses JSON, or rejects.
 *
 * @param {string} text
 * @param {string} code - of the rejection
 * @param {string} what - is being parsed, for its message
 * @returns {any}
 */
export declare function parse(text: string, code: string, what: string): any;
/**
 * Decodes UTF-8, or rejects.
 *
 * @param {Uint8Array} bytes
 * @param {string} code - of the rejection
 * @param {string} what - is being decoded, for its message
 */
export declare function decode(bytes: Uint8Array, code: string, what: string): string;
