/// <reference path="../../src/wit.d.ts" />
/**
 * Violations: what is wrong with a document.
 *
 * @typedef {import("stepmill:plugin/types@0.1.0").Violation} Violation
 */
export type Violation = import("stepmill:plugin/types@0.1.0").Violation;
/**
 * A violation.
 *
 * ```js
 * violation("/lines/0/sku", "required", "the line has no sku");
 * violation(["lines", 0, "a/b"], "required", "missing"); // pointer: /lines/0/a~1b
 * ```
 *
 * @param {string | readonly (string | number)[]} place - an RFC 6901 pointer, empty for the document as a whole; or
 *   names and indexes, which are escaped
 * @param {string} rule - name of the rule that is broken, such as `required` or `minimum`
 * @param {string} message - what is wrong, for a person
 * @returns {Violation}
 */
export declare function violation(
  place: string | readonly (string | number)[],
  rule: string,
  message: string,
): Violation;
