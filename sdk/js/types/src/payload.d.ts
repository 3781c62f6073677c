/**
 * The error value of a WIT result, which the bindings throw within an error; `undefined` of any other error. The bindings
 * live in a realm of their own, so that their errors are no instances of this one's `Error`.
 *
 * @param {unknown} error
 * @returns {any}
 */
export declare function payloadOf(error: unknown): any;
/** An error value of a WIT result on its way over the border, as the bindings throw and take it. */
export declare class Payload extends Error {
  payload: unknown;
  /**
   * @param {unknown} payload
   * @param {ErrorOptions} [options]
   */
  constructor(payload: unknown, options?: ErrorOptions);
}
