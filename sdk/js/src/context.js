/** What a call knows of itself, and what a connector may do. */

import { Document } from "./document.js";
import { log } from "./log.js";

/** @typedef {import("stepmill:plugin/types@0.1.0").Attempt} Attempt */

/** Which try of which step of which run a call is. */
export class Context {
  #attempt;

  /**
   * @param {Attempt} attempt
   * @param {Document} document
   */
  constructor(attempt, document) {
    this.#attempt = attempt;
    /** The input as it came, with its media type. */
    this.document = document;
    /** Lines for the operator. */
    this.log = log;
  }

  /** Name of the workflow. */
  get workflow() {
    return this.#attempt.workflow;
  }

  /** Id of the run. */
  get run() {
    return this.#attempt.run;
  }

  /** Id of the step within its workflow. */
  get step() {
    return this.#attempt.step;
  }

  /** Number of this attempt, from 1. It goes on counting over a redrive. */
  get attempt() {
    return this.#attempt.number;
  }

  /** The same for every attempt of this step of this run, different for every other step and run. */
  get idempotencyKey() {
    return this.#attempt.idempotencyKey;
  }

  /** When the run's event was accepted. */
  get acceptedAt() {
    return new Date(Number(this.#attempt.acceptedAtMs));
  }

  /** How long this attempt may take, in milliseconds from its start. */
  get timeoutMs() {
    return Number(this.#attempt.timeoutMs);
  }
}

/** The context of a connector: a {@link Context} with the means to reach out. */
export class ConnectorContext extends Context {
  /**
   * @param {Attempt} attempt
   * @param {Document} document
   * @param {import("./http/client.js").Http} http
   * @param {import("./storage.js").Storage} storage
   */
  constructor(attempt, document, http, storage) {
    super(attempt, document);
    /** HTTP to the step's system, and to what else its grant allows. */
    this.http = http;
    /** Storage shared by the runs of the workflow. */
    this.storage = storage;
  }
}
