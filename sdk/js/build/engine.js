/** ComponentizeJS, with one line of its bindings mended. */

import { componentize } from "@bytecodealliance/componentize-js";

/**
 * Version 0.23.0 takes 64-bit arguments of imports as unsigned only, so that a negative one, such as a counter's delta, is
 * a trap. As an unsigned number of the same bits it gets through.
 */
const BROKEN = "return BigInt.asIntN(64, converted);";
const MENDED = "return BigInt.asUintN(64, converted);";

// The package exports no more than `componentize`, which takes the bindings from this object.
const engine = import.meta.resolve("@bytecodealliance/componentize-js");
const { splicer } = await import(new URL("../lib/spidermonkey-embedding-splicer.js", engine).href);
const { spliceBindings } = splicer;

splicer.spliceBindings = (/** @type {unknown[]} */ ...args) => {
  const spliced = spliceBindings(...args);
  // Worlds without signed numbers have bindings without the function that this line is in.
  if (!spliced.jsBindings.includes("function toInt64(")) return spliced;
  if (!spliced.jsBindings.includes(BROKEN))
    throw new Error("the bindings of ComponentizeJS are not those of 0.23.0");
  return { ...spliced, jsBindings: spliced.jsBindings.replace(BROKEN, MENDED) };
};

export { componentize };
