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
export type Fields = Record<string, unknown>;
export type Log = {
  trace: (message: string, fields?: Fields) => void;
  debug: (message: string, fields?: Fields) => void;
  info: (message: string, fields?: Fields) => void;
  warn: (message: string, fields?: Fields) => void;
  error: (message: string, fields?: Fields) => void;
};
/** @type {Log} */
export declare const log: Log;
