/// <reference path="../../../src/wit.d.ts" />
/**
 * Why there is no response.
 *
 * @typedef {import("stepmill:plugin/http@0.1.0").HttpError} Reason
 */
export type Reason = import("stepmill:plugin/http@0.1.0").HttpError;
import { StepError } from "../failure.js";
/**
 * No response came: `kind` says why, in the words of the WIT interface. Where it is not caught it is a retry if the
 * network failed, else a rejection with code `http-` and the kind.
 */
export declare class HttpError extends StepError {
  /**
   * Such as `denied`, `timeout` or `response-too-large`.
   *
   * @type {Reason["tag"]}
   */
  kind: Reason["tag"];
  /** @param {Reason} reason */
  constructor(reason: Reason);
  /** Whether another attempt may help: the network failed, not the request. */
  get isPassing(): boolean;
  /** @override */
  get failure(): import("stepmill:plugin/types@0.1.0").Failure;
}
