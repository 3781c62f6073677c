#!/usr/bin/env node
/** `stepmill-build [ENTRY] [--out FOLDER]`: builds the plugin of the folder that it is called in. */

import { existsSync } from "node:fs";
import { parseArgs } from "node:util";

import { build, BuildError } from "../build/index.js";

const USAGE = `Builds a Stepmill plugin of a JavaScript or TypeScript module

Usage: stepmill-build [ENTRY] [--out FOLDER]

ENTRY is src/index.js or src/index.ts unless given; FOLDER is dist. The component is FOLDER/NAME.wasm, where NAME is the
plugin's.`;

const ENTRIES = ["src/index.js", "src/index.ts"];

/** @returns {{ help: boolean, entry: string, out: string }} */
function read() {
  try {
    const { values, positionals } = parseArgs({
      options: {
        out: { type: "string", default: "dist" },
        help: { type: "boolean", short: "h", default: false },
      },
      allowPositionals: true,
    });
    if (positionals.length > 1)
      throw new BuildError(`one entry is built at a time, not ${positionals.length}`);
    const entry = positionals[0] ?? ENTRIES.find((path) => existsSync(path)) ?? ENTRIES[0] ?? "";
    return { help: values.help, entry, out: values.out };
  } catch (error) {
    throw new BuildError(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  }
}

try {
  const { help, entry, out } = read();
  if (help) {
    console.log(USAGE);
  } else {
    if (!existsSync(entry)) throw new BuildError(`there is no ${entry}: name the module to build`);
    const began = performance.now();
    const { path, bytes, kind, manifest } = await build({ entry, out });
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const size = (bytes / 2 ** 20).toFixed(1);
    console.log(`${path}  ${kind} ${manifest.name} ${manifest.version}, ${size} MiB, built in ${seconds} s`);
  }
} catch (error) {
  console.error(error instanceof BuildError ? `error: ${error.message}` : error);
  process.exitCode = 1;
}
