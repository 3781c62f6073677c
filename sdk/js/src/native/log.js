/** The host's `log` import under Node: outside of a test it prints. */

import { world } from "./world.js";

/** @type {import("./world.js").World["write"]} */
export function write(level, message, fields) {
  const found = world();
  if (found) found.write(level, message, fields);
  else
    console.log([`${level}: ${message}`, ...fields.map(({ name, value }) => `${name}=${value}`)].join(" "));
}
