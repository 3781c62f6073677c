/**
 * Failures: how a step says that it could not do its work.
 *
 * @typedef {import("stepmill:plugin/types@0.1.0").Failure} Failure
 */

/** The longest delay that can be asked for: more is as good as for ever, and the host clamps it anyway. */
const MAX_DELAY_MS = Number.MAX_SAFE_INTEGER;

/**
 * An error that ends the attempt as data, not as a fault of the plugin, where it is not caught: {@link Reject},
 * {@link Retry}, and the errors of HTTP and storage. Anything else that a plugin throws is a fault of the plugin.
 */
export class StepError extends Error {
  /**
   * What the host is told.
   *
   * @returns {Failure}
   */
  get failure() {
    throw new TypeError("StepError is abstract: throw a Reject or a Retry");
  }
}

/**
 * Lasting trouble: the run becomes a dead letter at once.
 *
 * ```js
 * throw new Reject("unknown-sku", `no SKU ${sku}`);
 * ```
 */
export class Reject extends StepError {
  /**
   * @param {string} code - a short stable name for the kind of rejection, for grouping
   * @param {string} message - what is wrong, for a person; the host keeps 4 KiB
   * @param {ErrorOptions} [options]
   */
  constructor(code, message, options) {
    super(message, options);
    this.name = "Reject";
    this.code = code;
  }

  /**
   * @override
   * @returns {Failure}
   */
  get failure() {
    return { tag: "reject", val: { code: this.code, message: this.message } };
  }
}

/**
 * Passing trouble: try again under the step's retry policy.
 *
 * ```js
 * throw new Retry("the ERP is being restarted", { afterMs: 30_000 });
 * ```
 */
export class Retry extends StepError {
  /**
   * @param {string} message - what went wrong, for a person; the host keeps 4 KiB
   * @param {ErrorOptions & { afterMs?: number | undefined }} [options] - `afterMs`: the earliest time of the next
   *   attempt, in milliseconds from now; the step's retry policy clamps it, and decides alone without it
   */
  constructor(message, { afterMs, ...options } = {}) {
    super(message, options);
    this.name = "Retry";
    if (Number.isNaN(afterMs)) throw new TypeError("afterMs is not a number");
    this.afterMs = afterMs;
  }

  /**
   * @override
   * @returns {Failure}
   */
  get failure() {
    const { message, afterMs } = this;
    if (afterMs === undefined) return { tag: "retry", val: { message } };
    return { tag: "retry", val: { message, afterMs: milliseconds(afterMs) } };
  }
}

/**
 * What a person wrote as a number of milliseconds, as WIT has it: whole, not negative.
 *
 * @param {number} value
 */
export function milliseconds(value) {
  if (Number.isNaN(value)) throw new TypeError("a time in milliseconds is not a number");
  return BigInt(Math.min(Math.max(Math.ceil(value), 0), MAX_DELAY_MS));
}

/**
 * The error of a failure that came back over the WIT border.
 *
 * @param {Failure} failure
 * @param {unknown} cause
 */
export function errorOf(failure, cause) {
  if (failure.tag === "reject") return new Reject(failure.val.code, failure.val.message, { cause });
  const { message, afterMs } = failure.val;
  return new Retry(message, { cause, afterMs: afterMs === undefined ? undefined : Number(afterMs) });
}
