/**
 * Lines for the operator, kept with the attempt.
 *
 * ```js
 * log.info("reserved", { sku, quantity: 3 });
 * ```
 *
 * The host keeps 64 KiB of log an attempt unless its limits say otherwise, and says how much it dropped. `console`
 * ends in the same log: `log`, `info` and `debug` as lines of level info, `warn` and `error` as lines of level warn.
 */

import { write } from "#host/log";

/** @typedef {Record<string, unknown>} Fields */

/**
 * @typedef {object} Log
 * @property {(message: string, fields?: Fields) => void} trace
 * @property {(message: string, fields?: Fields) => void} debug
 * @property {(message: string, fields?: Fields) => void} info
 * @property {(message: string, fields?: Fields) => void} warn
 * @property {(message: string, fields?: Fields) => void} error
 */

/** @param {import("stepmill:plugin/log@0.1.0").Level} level */
function at(level) {
  /** @type {(message: string, fields?: Fields) => void} */
  return (message, fields = {}) => {
    const written = Object.entries(fields).map(([name, value]) => ({ name, value: text(value) }));
    write(level, String(message), written);
  };
}

/** @type {Log} */
export const log = /* @__PURE__ */ Object.freeze({
  trace: at("trace"),
  debug: at("debug"),
  info: at("info"),
  warn: at("warn"),
  error: at("error"),
});

/**
 * A field's value: text as it is, the rest as JSON where JSON can say it. A log line must never fail.
 *
 * @param {unknown} value
 */
function text(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return String(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
