/** Connectors. On their own, so that pure components import neither HTTP nor storage. */

import { send } from "#host/http";
import * as store from "#host/storage";
import { ConnectorContext } from "./context.js";
import { manifestOf, perform, Preparation, readerOf, tell } from "./definition.js";
import { Document } from "./document.js";
import { Http } from "./http/client.js";
import { Storage } from "./storage.js";

/** @typedef {import("./definition.js").About} About */
/**
 * @template T
 * @typedef {import("./schema.js").Schema<T>} Schema
 */

/**
 * What a module exports that is a connector.
 *
 * @typedef {object} ConnectorPlugin
 * @property {() => import("stepmill:plugin/types@0.1.0").Manifest} describe
 * @property {{ run: (input: import("stepmill:plugin/types@0.1.0").Document, config: string,
 *   attempt: import("stepmill:plugin/types@0.1.0").Attempt) =>
 *   Promise<import("stepmill:plugin/types@0.1.0").Document> }} connector
 */

/**
 * A step that talks to other systems, through `ctx.http` or `fetch`, and remembers things between runs, in
 * `ctx.storage`.
 *
 * Connectors are at-least-once: after a crash the same attempt is made again, with the same idempotency key. What is
 * written to storage commits with the attempt's success and not otherwise.
 *
 * ```js
 * export const { describe, connector } = defineConnector({
 *   name: "place-order",
 *   version: "0.1.0",
 *   summary: "Creates the order at the step's system.",
 *   run(order, config, ctx) {
 *     const headers = { "idempotency-key": ctx.idempotencyKey };
 *     const response = ctx.http.post("/orders", { json: order, headers }).orFail();
 *     ctx.storage.add("orders", 1);
 *     return response.json();
 *   },
 * });
 * ```
 *
 * @template [Config=any]
 * @template [Input=any]
 * @param {About & {
 *   config?: Schema<Config>,
 *   input?: Schema<Input> | typeof Document,
 *   output?: Schema<any> | typeof Document,
 *   run: (input: Input, config: Config, ctx: ConnectorContext) => unknown,
 * }} definition - as for `defineTransform`
 * @returns {ConnectorPlugin}
 */
export function defineConnector(definition) {
  const preparation = new Preparation(definition.config, (config) => config);
  const read = readerOf(definition.input);
  const manifest = manifestOf(definition, definition.config, definition.input, definition.output);
  const http = new Http(send);
  const storage = new Storage(store);
  return {
    describe: () => manifest,
    connector: {
      run: (given, config, attempt) =>
        perform(given, async (document) => {
          const ready = await preparation.of(config);
          const input = await read(document);
          const context = new ConnectorContext(attempt, document, http, storage);
          return tell(await definition.run(input, ready, context));
        }),
    },
  };
}
