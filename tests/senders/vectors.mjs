// Writes the vectors of the providers whose SDKs are on npm. Argument: the folder for them.

import { readdirSync } from "node:fs";
import path from "node:path";

import { write } from "./vector.mjs";

const [folder] = process.argv.slice(2);
const here = path.join(import.meta.dirname, "providers");
for (const file of readdirSync(here)
  .filter((name) => name.endsWith(".mjs"))
  .sort()) {
  const { default: vectors } = await import(path.join(here, file));
  for (const [name, scheme] of Object.entries(await vectors())) write(folder, name, scheme);
}
