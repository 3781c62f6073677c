/// <reference path="../../src/wit.d.ts" />
/**
 * From a definition to the exports of a component: what the three kinds have in common.
 *
 * @typedef {import("stepmill:plugin/types@0.1.0").Manifest} Manifest
 * @typedef {import("stepmill:plugin/types@0.1.0").Document} WitDocument
 */
export type Manifest = import("stepmill:plugin/types@0.1.0").Manifest;
export type WitDocument = import("stepmill:plugin/types@0.1.0").Document;
import { Document } from "./document.js";
export type Schema<T> = import("./schema.js").Schema<T>;
export type About = {
  /**
   * - name in workflows (`use:`): lower-case letters, digits and `-`, at most 64 characters
   */
  name: string;
  /**
   * - semantic version of the plugin
   */
  version: string;
  /**
   * - what the step does, in one sentence
   */
  summary: string;
};
/**
 * The manifest. It is made when the module is evaluated, so that a mistake in it is found by the build.
 *
 * @param {About} about
 * @param {Schema<any> | undefined} config
 * @param {Schema<any> | typeof Document | undefined} input
 * @param {Schema<any> | typeof Document | undefined} output
 * @returns {Manifest}
 */
export declare function manifestOf(
  { name, version, summary }: About,
  config: Schema<any> | undefined,
  input: Schema<any> | typeof Document | undefined,
  output: Schema<any> | typeof Document | undefined,
): Manifest;
/**
 * A config made ready for documents: parsed, and given to the definition's `prepare` if there is one.
 *
 * @template Config, Ready
 */
export declare class Preparation<Config, Ready> {
  #private;
  /**
   * @param {Schema<Config> | undefined} schema
   * @param {(config: Config) => Ready | Promise<Ready>} prepare
   */
  constructor(schema: Schema<Config> | undefined, prepare: (config: Config) => Ready | Promise<Ready>);
  /**
   * What the host calls to keep the memory that this leaves; there is no attempt to repeat, so that a retry is a
   * rejection too.
   *
   * @param {string} text
   */
  keep(text: string): Promise<void>;
  /**
   * What is kept for this config, or what is made of it for this time alone.
   *
   * @param {string} text
   */
  of(text: string): Promise<Ready>;
}
/**
 * Runs what the author wrote for one document, and tells its end in the words of WIT.
 *
 * @template Answer
 * @param {WitDocument} given
 * @param {(document: Document) => Promise<Answer>} run
 */
export declare function perform<Answer>(
  given: WitDocument,
  run: (document: Document) => Promise<Answer>,
): Promise<Answer>;
/**
 * What a step is fed: the document itself where the definition says so, else its JSON.
 *
 * @param {Schema<any> | typeof Document | undefined} schema
 * @returns {(document: Document) => any}
 */
export declare function readerOf(
  schema: Schema<any> | typeof Document | undefined,
): (document: Document) => any;
/**
 * What a step answers: a document as it is, and any other value as JSON.
 *
 * @param {unknown} answer
 * @returns {WitDocument}
 */
export declare function tell(answer: unknown): WitDocument;
