/// <reference path="../../src/wit.d.ts" />
/**
 * Failures: how a step says that it could not do its work.
 *
 * @typedef {import("stepmill:plugin/types@0.1.0").Failure} Failure
 */
export type Failure = import("stepmill:plugin/types@0.1.0").Failure;
/**
 * An error that ends the attempt as data, not as a fault of the plugin, where it is not caught: {@link Reject},
 * {@link Retry}, and the errors of HTTP and storage. Anything else that a plugin throws is a fault of the plugin.
 */
export declare class StepError extends Error {
  /**
   * What the host is told.
   *
   * @returns {Failure}
   */
  get failure(): Failure;
}
/**
 * Lasting trouble: the run becomes a dead letter at once.
 *
 * ```js
 * throw new Reject("unknown-sku", `no SKU ${sku}`);
 * ```
 */
export declare class Reject extends StepError {
  code: string;
  /**
   * @param {string} code - a short stable name for the kind of rejection, for grouping
   * @param {string} message - what is wrong, for a person; the host keeps 4 KiB
   * @param {ErrorOptions} [options]
   */
  constructor(code: string, message: string, options?: ErrorOptions);
  /**
   * @override
   * @returns {Failure}
   */
  get failure(): Failure;
}
/**
 * Passing trouble: try again under the step's retry policy.
 *
 * ```js
 * throw new Retry("the ERP is being restarted", { afterMs: 30_000 });
 * ```
 */
export declare class Retry extends StepError {
  afterMs: number | undefined;
  /**
   * @param {string} message - what went wrong, for a person; the host keeps 4 KiB
   * @param {ErrorOptions & { afterMs?: number | undefined }} [options] - `afterMs`: the earliest time of the next
   *   attempt, in milliseconds from now; the step's retry policy clamps it, and decides alone without it
   */
  constructor(message: string, { afterMs, ...options }?: ErrorOptions & { afterMs?: number | undefined });
  /**
   * @override
   * @returns {Failure}
   */
  get failure(): Failure;
}
/**
 * What a person wrote as a number of milliseconds, as WIT has it: whole, not negative.
 *
 * @param {number} value
 */
export declare function milliseconds(value: number): bigint;
/**
 * The error of a failure that came back over the WIT border.
 *
 * @param {Failure} failure
 * @param {unknown} cause
 */
export declare function errorOf(failure: Failure, cause: unknown): Reject | Retry;
