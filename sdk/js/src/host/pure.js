/**
 * What the engine has by name, but a step must not reach, said in words. Without the host's imports behind them these
 * would trap with none, or answer what they answered while the component was built.
 */

const DATE = Date;

/** A pure step reaches no network. */
export function withholdFetch() {
  globalThis.fetch = async () => {
    throw new TypeError("a pure step has no `fetch`: make it a connector");
  };
}

/** A plugin with `prepare` has neither time nor randomness, as the memory that it leaves must not depend on them. */
export function withholdTimeAndRandomness() {
  globalThis.Date = new Proxy(DATE, {
    apply: () => refuse("Date()"),
    construct: (date, given, target) => {
      return given.length > 0 ? Reflect.construct(date, given, target) : refuse("new Date()");
    },
    get: (date, key) => (key === "now" ? () => refuse("Date.now()") : Reflect.get(date, key)),
  });
  performance.now = () => refuse("performance.now()");
  Math.random = () => refuse("Math.random()");
  crypto.getRandomValues = () => refuse("crypto.getRandomValues()");
  crypto.randomUUID = () => refuse("crypto.randomUUID()");
}

/**
 * @param {string} what
 * @returns {never}
 */
function refuse(what) {
  throw new TypeError(
    `a plugin with \`prepare\` has no \`${what}\`: use \`ctx.acceptedAt\` for the time, or do without \`prepare\``,
  );
}
