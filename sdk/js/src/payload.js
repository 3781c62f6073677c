/**
 * The error value of a WIT result, which the bindings throw within an error; `undefined` of any other error. The bindings
 * live in a realm of their own, so that their errors are no instances of this one's `Error`.
 *
 * @param {unknown} error
 * @returns {any}
 */
export function payloadOf(error) {
  return typeof error === "object" && error !== null && "payload" in error ? error.payload : undefined;
}

/** An error value of a WIT result on its way over the border, as the bindings throw and take it. */
export class Payload extends Error {
  /**
   * @param {unknown} payload
   * @param {ErrorOptions} [options]
   */
  constructor(payload, options) {
    super("an error value of WIT", options);
    this.payload = payload;
  }
}
