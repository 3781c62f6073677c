/**
 * Writes `src/wit.d.ts`, the guest's side of `wit/`, by jco's type generator, and `types/`, the declarations of this
 * package, by tsc. With `--check` it writes nothing and fails if what is there is stale.
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { $init, generateTypes } from "@bytecodealliance/jco-transpile/component";
import { format, resolveConfig } from "prettier";

import { wit } from "../build/wit.js";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The ambient modules that the host's imports are, those of all worlds in one file. */
async function witTypes() {
  await $init;
  const files = new Map();
  for (const kind of ["transform", "validate", "connector"]) {
    const world = `prepared-${kind}-plugin`;
    /** @type {Parameters<typeof generateTypes>[1]} */
    const options = { wit: { tag: "source", val: wit() }, world, guest: true };
    for (const [name, bytes] of generateTypes(world, options)) {
      if (name.startsWith("interfaces/")) files.set(name, new TextDecoder().decode(bytes));
    }
  }
  const texts = [...files.values()].map((text) => text.replace(/^\/\/\/ <reference .*\n/gm, ""));
  return `// Generated from wit/ by \`npm run types\`.\n\n${texts.join("\n")}`;
}

/**
 * Writes the host's imports to a file, and to a folder the declarations of this package, which refer to them.
 *
 * @param {string} file
 * @param {string} folder
 */
async function write(file, folder) {
  writeFileSync(file, await pretty("wit.d.ts", await witTypes()));
  const tsc = join(root, "node_modules/.bin/tsc");
  execFileSync(tsc, ["--project", join(root, "tsconfig.types.json"), "--outDir", folder], {
    stdio: "inherit",
  });
  for (const [path, text] of read(folder)) {
    const up = "../".repeat(path.split("/").length - 1);
    const refers = text.includes("stepmill:plugin/");
    const whole = refers ? `/// <reference path="${up}src/wit.d.ts" />\n${text}` : text;
    writeFileSync(join(folder, path), await pretty(path, whole));
  }
}

/**
 * @param {string} path
 * @param {string} text
 */
async function pretty(path, text) {
  return format(text, { ...(await resolveConfig(join(root, path))), filepath: path });
}

/**
 * Every file of a folder by its path.
 *
 * @param {string} folder
 * @returns {Map<string, string>}
 */
function read(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort();
  return new Map(paths.map((path) => [path.slice(folder.length), readFileSync(path, "utf8")]));
}

const written = { wit: join(root, "src/wit.d.ts"), types: join(root, "types") };

if (process.argv.includes("--check")) {
  const fresh = mkdtempSync(join(tmpdir(), "stepmill-types-"));
  await write(join(fresh, "wit.d.ts"), join(fresh, "types"));
  const [now, then] = [read(join(fresh, "types")), read(written.types)];
  now.set("src/wit.d.ts", readFileSync(join(fresh, "wit.d.ts"), "utf8"));
  then.set("src/wit.d.ts", readFileSync(written.wit, "utf8"));
  rmSync(fresh, { recursive: true });
  const stale = [...new Set([...now.keys(), ...then.keys()])].filter(
    (path) => now.get(path) !== then.get(path),
  );
  if (stale.length > 0) {
    console.error(`error: stale types, run \`npm run types\` and commit: ${stale.join(", ")}`);
    process.exitCode = 1;
  }
} else {
  rmSync(written.types, { recursive: true, force: true });
  await write(written.wit, written.types);
}
