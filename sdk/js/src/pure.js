/** The two pure kinds. */

import { withholdFetch, withholdTimeAndRandomness } from "#host/pure";
import { Context } from "./context.js";
import { Document } from "./document.js";
import { manifestOf, perform, Preparation, readerOf, tell } from "./definition.js";

/** @typedef {import("./definition.js").About} About */
/** @typedef {import("./violation.js").Violation} Violation */
/**
 * @template T
 * @typedef {import("./schema.js").Schema<T>} Schema
 */

/**
 * What a module exports that is a transform.
 *
 * @typedef {object} TransformPlugin
 * @property {() => import("stepmill:plugin/types@0.1.0").Manifest} describe
 * @property {{ run: (input: import("stepmill:plugin/types@0.1.0").Document, config: string,
 *   attempt: import("stepmill:plugin/types@0.1.0").Attempt) =>
 *   Promise<import("stepmill:plugin/types@0.1.0").Document> }} transform
 * @property {{ prepare: (config: string) => Promise<void> }} [prepare]
 */

/**
 * What a module exports that is a validate.
 *
 * @typedef {object} ValidatePlugin
 * @property {() => import("stepmill:plugin/types@0.1.0").Manifest} describe
 * @property {{ run: (input: import("stepmill:plugin/types@0.1.0").Document, config: string,
 *   attempt: import("stepmill:plugin/types@0.1.0").Attempt) => Promise<Violation[]> }} validate
 * @property {{ prepare: (config: string) => Promise<void> }} [prepare]
 */

/**
 * A pure function from a document to a document. The host may call it again at any time with the same arguments and
 * relies on the same answer; it can reach nothing but the log.
 *
 * ```js
 * export const { describe, transform } = defineTransform({
 *   name: "vat",
 *   version: "0.1.0",
 *   summary: "Adds VAT to an order.",
 *   config: Type.Object({ vat: Type.Number({ description: "VAT in percent." }) }),
 *   run(order, config) {
 *     if (order.net < 0) throw new Reject("negative", `order ${order.id} costs ${order.net}`);
 *     return { id: order.id, gross: order.net * (1 + config.vat / 100) };
 *   },
 * });
 * ```
 *
 * # Making the config ready
 *
 * Every attempt runs in a fresh instance, so that what `run` computes from the config alone it would compute for every
 * document. `prepare` is the place for that: the host calls it once for a config without expressions, and begins every
 * attempt with the memory that it left. What it throws as a {@link Reject} is an error of the workflow, found by
 * `stepmill check`. A plugin that has it must export it too, and is built without clocks and randomness, which memory
 * must not depend on: to look at them is then a fault.
 *
 * ```js
 * export const { describe, transform, prepare } = defineTransform({
 *   name: "translate",
 *   version: "0.1.0",
 *   summary: "Translates codes by a table.",
 *   config: Type.Object({ table: Type.String({ description: "Lines of `from=to`." }) }),
 *   prepare: (config) => new Map(config.table.split("\n").map((line) => line.split("="))),
 *   run: (code, table) => table.get(code) ?? code,
 * });
 * ```
 *
 * @template [Config=any]
 * @template [Input=any]
 * @template [Ready=Config]
 * @param {About & {
 *   config?: Schema<Config>,
 *   input?: Schema<Input> | typeof Document,
 *   output?: Schema<any> | typeof Document,
 *   prepare?: (config: Config) => Ready | Promise<Ready>,
 *   run: (input: Input, config: Ready, ctx: Context) => unknown,
 * }} definition - `config` is the schema of the step's `with:`; without it the plugin has no settings. `input` and
 *   `output` are schemas of the documents, or the class {@link Document} where they need not be JSON. `run` is given
 *   what `prepare` answers, or the config where there is none, and answers a JSON value or a {@link Document}, or a
 *   promise of one
 * @returns {TransformPlugin}
 */
export function defineTransform(definition) {
  withholdFetch();
  const preparation = preparationOf(definition);
  const read = readerOf(definition.input);
  const manifest = manifestOf(definition, definition.config, definition.input, definition.output);
  return {
    describe: () => manifest,
    transform: {
      run: (given, config, attempt) =>
        perform(given, async (document) => {
          const ready = await preparation.of(config);
          const input = await read(document);
          return tell(await definition.run(input, ready, new Context(attempt, document)));
        }),
    },
    ...exported(definition, preparation),
  };
}

/**
 * A pure check of a document, which passes on unchanged if nothing is wrong with it.
 *
 * ```js
 * export const { describe, validate } = defineValidate({
 *   name: "not-empty",
 *   version: "0.1.0",
 *   summary: "Checks that an order has lines.",
 *   *run(order) {
 *     if (!order.lines?.length) yield violation("/lines", "not-empty", "an order needs a line");
 *   },
 * });
 * ```
 *
 * @template [Config=any]
 * @template [Input=any]
 * @template [Ready=Config]
 * @param {About & {
 *   config?: Schema<Config>,
 *   input?: Schema<Input> | typeof Document,
 *   prepare?: (config: Config) => Ready | Promise<Ready>,
 *   run: (input: Input, config: Ready, ctx: Context) => Iterable<Violation> | Promise<Iterable<Violation>>,
 * }} definition - as for {@link defineTransform}. What zod refuses of the input is a rejection, not a violation: leave
 *   to `run` what the plugin wants to report on. `run` answers a list of what is wrong, or is a generator of it
 * @returns {ValidatePlugin}
 */
export function defineValidate(definition) {
  withholdFetch();
  const preparation = preparationOf(definition);
  const read = readerOf(definition.input);
  const manifest = manifestOf(definition, definition.config, definition.input, undefined);
  return {
    describe: () => manifest,
    validate: {
      run: (given, config, attempt) =>
        perform(given, async (document) => {
          const ready = await preparation.of(config);
          const input = await read(document);
          return [...(await definition.run(input, ready, new Context(attempt, document)))];
        }),
    },
    ...exported(definition, preparation),
  };
}

/**
 * @param {{ config?: Schema<any>, prepare?: (config: any) => any }} definition
 * @returns {Preparation<any, any>}
 */
function preparationOf({ config, prepare = (parsed) => parsed }) {
  return new Preparation(config, prepare);
}

/**
 * The interface `prepare`, which a component exports only if there is something to make ready.
 *
 * @param {{ prepare?: unknown }} definition
 * @param {Preparation<any, any>} preparation
 */
function exported(definition, preparation) {
  if (!definition.prepare) return {};
  withholdTimeAndRandomness();
  return { prepare: { prepare: (/** @type {string} */ config) => preparation.keep(config) } };
}
