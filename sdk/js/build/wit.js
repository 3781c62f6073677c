/** The WIT package, which lies beside the SDK: `sdk/js` and `wit` of one folder. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../../../wit", import.meta.url));

/**
 * All of the package as one text. The tools could read the folder, but do so through a shim of WASI whose version is left
 * to the package manager's luck, and some versions of it find no files.
 */
export function wit() {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith(".wit"));
  const texts = files.map((file) => readFileSync(join(FOLDER, file), "utf8"));
  const [header] = texts.flatMap((text) => /^package .*;$/m.exec(text) ?? []);
  const bodies = texts.map((text) => text.replace(/^(\/\/\/.*\n)*package .*;$/m, ""));
  return [header, ...bodies].join("\n");
}
