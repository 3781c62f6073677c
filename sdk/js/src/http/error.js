/**
 * Why there is no response.
 *
 * @typedef {import("stepmill:plugin/http@0.1.0").HttpError} Reason
 */

import { Reject, Retry, StepError } from "../failure.js";

/**
 * No response came: `kind` says why, in the words of the WIT interface. Where it is not caught it is a retry if the
 * network failed, else a rejection with code `http-` and the kind.
 */
export class HttpError extends StepError {
  /** @param {Reason} reason */
  constructor(reason) {
    super(sentence(reason));
    this.name = "HttpError";
    /**
     * Such as `denied`, `timeout` or `response-too-large`.
     *
     * @type {Reason["tag"]}
     */
    this.kind = reason.tag;
  }

  /** Whether another attempt may help: the network failed, not the request. */
  get isPassing() {
    return PASSING[this.kind];
  }

  /** @override */
  get failure() {
    const { kind, message } = this;
    return (this.isPassing ? new Retry(message) : new Reject(`http-${kind}`, message)).failure;
  }
}

/** @type {Record<Reason["tag"], boolean>} */
const PASSING = {
  denied: false,
  "invalid-request": false,
  dns: true,
  connect: true,
  timeout: true,
  interrupted: true,
  "response-too-large": false,
  "request-too-large": false,
  "too-many-requests": false,
  other: true,
};

/** @param {Reason} reason */
function sentence(reason) {
  switch (reason.tag) {
    case "denied":
      return `not granted: ${reason.val}`;
    case "invalid-request":
      return `invalid request: ${reason.val}`;
    case "dns":
      return `name resolution failed: ${reason.val}`;
    case "connect":
      return `connection failed: ${reason.val}`;
    case "timeout":
      return `timed out: ${reason.val}`;
    case "interrupted":
      return `connection broke: ${reason.val}`;
    case "response-too-large":
      return `the response is larger than ${reason.val} bytes`;
    case "request-too-large":
      return `the request is larger than ${reason.val} bytes`;
    case "too-many-requests":
      return `the attempt may send ${reason.val} requests only`;
    case "other":
      return reason.val;
  }
}
