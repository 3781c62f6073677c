/**
 * From a definition to the exports of a component: what the three kinds have in common.
 *
 * @typedef {import("stepmill:plugin/types@0.1.0").Manifest} Manifest
 * @typedef {import("stepmill:plugin/types@0.1.0").Document} WitDocument
 */

import { Document, parse } from "./document.js";
import { StepError } from "./failure.js";
import { Payload } from "./payload.js";
import { manifestSchema, parserOf } from "./schema.js";

/**
 * @template T
 * @typedef {import("./schema.js").Schema<T>} Schema
 */

/**
 * What every definition says of the plugin.
 *
 * @typedef {object} About
 * @property {string} name - name in workflows (`use:`): lower-case letters, digits and `-`, at most 64 characters
 * @property {string} version - semantic version of the plugin
 * @property {string} summary - what the step does, in one sentence
 */

/**
 * The schema of a step's `with:` where the definition gives none: an empty mapping, and any key in it is an error.
 */
const NO_CONFIG = {
  type: "object",
  description: "This plugin has no settings.",
  properties: {},
  additionalProperties: false,
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
export function manifestOf({ name, version, summary }, config, input, output) {
  for (const [key, value] of Object.entries({ name, version, summary })) {
    if (typeof value !== "string") throw new TypeError(`the definition's \`${key}\` must be a string`);
  }
  /** @type {Manifest} */
  const manifest = {
    name,
    version,
    summary,
    configSchema: manifestSchema(config ?? NO_CONFIG, "input", "config"),
  };
  if (input && input !== Document) manifest.inputSchema = manifestSchema(input, "input", "input");
  if (output && output !== Document) manifest.outputSchema = manifestSchema(output, "output", "output");
  return manifest;
}

/**
 * A config made ready for documents: parsed, and given to the definition's `prepare` if there is one.
 *
 * @template Config, Ready
 */
export class Preparation {
  #parse;
  #prepare;
  /** @type {{ text: string, ready: Ready } | undefined} */
  #kept;

  /**
   * @param {Schema<Config> | undefined} schema
   * @param {(config: Config) => Ready | Promise<Ready>} prepare
   */
  constructor(schema, prepare) {
    this.#parse = parserOf(schema, "config");
    this.#prepare = prepare;
  }

  /**
   * What the host calls to keep the memory that this leaves; there is no attempt to repeat, so that a retry is a
   * rejection too.
   *
   * @param {string} text
   */
  async keep(text) {
    try {
      this.#kept = { text, ready: await this.#make(text) };
    } catch (error) {
      throw raised(error, ({ failure }) => {
        return failure.tag === "reject" ? failure.val : { code: "retry", message: failure.val.message };
      });
    }
  }

  /**
   * What is kept for this config, or what is made of it for this time alone.
   *
   * @param {string} text
   */
  async of(text) {
    return this.#kept?.text === text ? this.#kept.ready : this.#make(text);
  }

  /** @param {string} text */
  async #make(text) {
    // A step without `with:` may come as no text at all.
    const config = parse(text || "{}", "config", "the config");
    return this.#prepare(await this.#parse(config));
  }
}

/**
 * Runs what the author wrote for one document, and tells its end in the words of WIT.
 *
 * @template Answer
 * @param {WitDocument} given
 * @param {(document: Document) => Promise<Answer>} run
 */
export async function perform(given, run) {
  try {
    return await run(new Document(given.mediaType, given.body.val));
  } catch (error) {
    throw raised(error, ({ failure }) => failure);
  }
}

/**
 * What a step is fed: the document itself where the definition says so, else its JSON.
 *
 * @param {Schema<any> | typeof Document | undefined} schema
 * @returns {(document: Document) => any}
 */
export function readerOf(schema) {
  if (schema === Document) return (document) => document;
  const parse = parserOf(schema, "input");
  return (document) => parse(document.json());
}

/**
 * What a step answers: a document as it is, and any other value as JSON.
 *
 * @param {unknown} answer
 * @returns {WitDocument}
 */
export function tell(answer) {
  const { mediaType, body } = answer instanceof Document ? answer : Document.json(answer);
  if (typeof body === "string") return { mediaType, body: { tag: "text", val: body } };
  return { mediaType, body: { tag: "binary", val: body } };
}

/**
 * What to throw over the WIT border. A failure is data, which the bindings take from `payload`. Anything else is a
 * fault of the plugin and must end in a trap with its text and stack on standard error, which the host keeps. The
 * bindings would take it for a failure and complain of its shape instead; so it is thrown where they do not catch,
 * while they look for the payload, and the engine prints it with its causes.
 *
 * @param {unknown} error
 * @param {(error: StepError) => unknown} payload
 */
function raised(error, payload) {
  if (error instanceof StepError) return new Payload(payload(error), { cause: error });
  const fault =
    error instanceof Error ? error : new TypeError(`something was thrown that is no error: ${error}`);
  return {
    get payload() {
      throw fault;
    },
  };
}
