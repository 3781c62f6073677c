/**
 * Plugins tested on the machine they are written on, without a host.
 *
 * {@link transform}, {@link validate} and {@link connect} run a plugin as the host does, from config and input to
 * output, through the same exports. The outside world is a {@link FakeHttp}, which answers `fetch` too, and a
 * {@link MemoryStorage}.
 *
 * ```js
 * import * as plugin from "../src/index.js";
 * import { connect, FakeHttp } from "@stepmill/sdk/testing";
 *
 * const http = new FakeHttp().replyJson("GET", "/stock?sku=A", 200, { available: 3 });
 * const { output } = await connect(plugin, { input: { sku: "A" }, http });
 * ```
 *
 * What the step throws as a `Reject` or a `Retry` is thrown here; so is what would be a fault on the host.
 */

import { Document, JSON_TYPE } from "./document.js";
import { errorOf } from "./failure.js";
import { within } from "./native/world.js";
import { payloadOf } from "./payload.js";
import { answerFetch } from "./testing/fetch.js";
import { FakeHttp } from "./testing/http.js";
import { MemoryStorage } from "./testing/storage.js";

export { FakeHttp, MemoryStorage };

/** @typedef {import("./pure.js").TransformPlugin} TransformPlugin */
/** @typedef {import("./pure.js").ValidatePlugin} ValidatePlugin */
/** @typedef {import("./connector.js").ConnectorPlugin} ConnectorPlugin */
/** @typedef {import("stepmill:plugin/types@0.1.0").Attempt} Attempt */

/**
 * Which attempt to play; what is left out is as in the defaults below.
 *
 * @typedef {object} AttemptOptions
 * @property {string} [workflow]
 * @property {string} [run]
 * @property {string} [step]
 * @property {number} [number]
 * @property {string} [idempotencyKey]
 * @property {Date} [acceptedAt]
 * @property {number} [timeoutMs]
 */

/**
 * @typedef {object} Options
 * @property {unknown} [config] - the step's `with:`; `{}` without it
 * @property {unknown} input - a JSON value, or a `Document`
 * @property {AttemptOptions} [attempt]
 * @property {string[]} [logs] - is given the lines that the step logs, as `level: message name=value …`
 */

/**
 * @typedef {object} Answer
 * @property {any} output - the document's JSON, if it is JSON
 * @property {Document} document - what the step answered
 */

/**
 * Runs a transform.
 *
 * @param {TransformPlugin} plugin
 * @param {Options} options
 * @returns {Promise<Answer>}
 */
export async function transform(plugin, options) {
  return answer(await play(plugin.transform, options, {}));
}

/**
 * Runs a validate.
 *
 * @param {ValidatePlugin} plugin
 * @param {Options} options
 */
export function validate(plugin, options) {
  return play(plugin.validate, options, {});
}

/**
 * Runs a connector. As on the host, what it wrote to storage is committed if it succeeds and dropped if it fails.
 *
 * @param {ConnectorPlugin} plugin
 * @param {Options & { http?: FakeHttp, storage?: MemoryStorage }} options
 * @returns {Promise<Answer>}
 */
export async function connect(plugin, { http = new FakeHttp(), storage = new MemoryStorage(), ...options }) {
  try {
    const document = await play(plugin.connector, options, {
      send: (request) => http.send(request),
      storage,
    });
    storage.commit();
    return answer(document);
  } catch (error) {
    storage.rollBack();
    throw error;
  }
}

/**
 * Makes a config ready, as `stepmill check` does: it throws what `prepare` rejects.
 *
 * @param {TransformPlugin | ValidatePlugin} plugin
 * @param {unknown} config
 */
export async function prepare(plugin, config) {
  if (!plugin.prepare) throw new TypeError("the plugin has no `prepare`: is it exported?");
  try {
    await plugin.prepare.prepare(JSON.stringify(config));
  } catch (error) {
    const rejection = payloadOf(faultless(error));
    throw rejection === undefined ? error : errorOf({ tag: "reject", val: rejection }, error);
  }
}

/**
 * @template T
 * @param {{ run: (input: any, config: string, attempt: Attempt) => Promise<T> }} step
 * @param {Options} options
 * @param {{ send?: import("./http/client.js").Send, storage?: MemoryStorage }} reach
 */
async function play(step, { config = {}, input, attempt = {}, logs = [] }, reach) {
  const { mediaType, body } = input instanceof Document ? input : Document.json(input);
  const given = { mediaType, body: { tag: typeof body === "string" ? "text" : "binary", val: body } };
  /** @type {import("./native/world.js").World["write"]} */
  const write = (level, message, fields) => {
    logs.push([`${level}: ${message}`, ...fields.map(({ name, value }) => `${name}=${value}`)].join(" "));
  };
  answerFetch();
  try {
    return await within({ ...reach, write }, () =>
      step.run(given, JSON.stringify(config), attemptOf(attempt)),
    );
  } catch (error) {
    const failure = payloadOf(faultless(error));
    throw failure === undefined ? error : errorOf(failure, /** @type {Error} */ (error).cause);
  }
}

/**
 * A fault is thrown where the bindings look for the payload, see `definition.js`: so look as they do.
 *
 * @param {any} error
 */
function faultless(error) {
  void error?.payload;
  return error;
}

/** @param {import("stepmill:plugin/types@0.1.0").Document} told */
function answer({ mediaType, body }) {
  const document = new Document(mediaType, body.val);
  const isJson = mediaType === JSON_TYPE || mediaType.endsWith("+json");
  return { document, output: isJson ? document.json() : undefined };
}

/**
 * @param {AttemptOptions} options
 * @returns {Attempt}
 */
function attemptOf({ acceptedAt = new Date(1_700_000_000_000), timeoutMs = 30_000, ...given }) {
  return {
    workflow: "test",
    run: "run_00000000000000000000000000000001",
    step: "step",
    number: 1,
    idempotencyKey: "test-key",
    ...given,
    acceptedAtMs: BigInt(acceptedAt.getTime()),
    timeoutMs: BigInt(timeoutMs),
  };
}
