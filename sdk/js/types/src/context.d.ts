/// <reference path="../../src/wit.d.ts" />
/** What a call knows of itself, and what a connector may do. */
import { Document } from "./document.js";
export type Attempt = import("stepmill:plugin/types@0.1.0").Attempt;
/** @typedef {import("stepmill:plugin/types@0.1.0").Attempt} Attempt */
/** Which try of which step of which run a call is. */
export declare class Context {
  #private;
  /** The input as it came, with its media type. */
  document: Document;
  /** Lines for the operator. */
  log: import("./log.js").Log;
  /**
   * @param {Attempt} attempt
   * @param {Document} document
   */
  constructor(attempt: Attempt, document: Document);
  /** Name of the workflow. */
  get workflow(): string;
  /** Id of the run. */
  get run(): string;
  /** Id of the step within its workflow. */
  get step(): string;
  /** Number of this attempt, from 1. It goes on counting over a redrive. */
  get attempt(): number;
  /** The same for every attempt of this step of this run, different for every other step and run. */
  get idempotencyKey(): string;
  /** When the run's event was accepted. */
  get acceptedAt(): Date;
  /** How long this attempt may take, in milliseconds from its start. */
  get timeoutMs(): number;
}
/** The context of a connector: a {@link Context} with the means to reach out. */
export declare class ConnectorContext extends Context {
  /** HTTP to the step's system, and to what else its grant allows. */
  http: import("./http/client.js").Http;
  /** Storage shared by the runs of the workflow. */
  storage: import("./storage.js").Storage;
  /**
   * @param {Attempt} attempt
   * @param {Document} document
   * @param {import("./http/client.js").Http} http
   * @param {import("./storage.js").Storage} storage
   */
  constructor(
    attempt: Attempt,
    document: Document,
    http: import("./http/client.js").Http,
    storage: import("./storage.js").Storage,
  );
}
