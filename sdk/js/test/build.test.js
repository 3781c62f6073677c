import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * What the tool says of a module that it refuses.
 *
 * @param {string} source
 * @param {string[]} [args]
 */
function refusal(source, args = []) {
  const folder = mkdtempSync(join(tmpdir(), "stepmill-refused-"));
  try {
    mkdirSync(join(folder, "src"));
    mkdirSync(join(folder, "node_modules/@stepmill"), { recursive: true });
    symlinkSync(root, join(folder, "node_modules/@stepmill/sdk"));
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    writeFileSync(join(folder, "src/index.js"), source);
    const { status, stderr } = spawnSync("node", [join(root, "bin/stepmill-build.js"), ...args], {
      cwd: folder,
      encoding: "utf8",
    });
    assert.equal(status, 1, stderr);
    return stderr;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @param {string} rest */
const definition = (rest) => `{ name: "a", version: "0.1.0", summary: "A.", run: () => 1, ${rest} }`;

const imported = 'import { defineConnector, defineTransform, defineValidate, Http } from "@stepmill/sdk";';

/** @type {[string, string, RegExp][]} */
const refused = [
  ["syntax", "export const a = 1;\nexport const = 2;", /src\/index\.js:2:13/],
  [
    "a package that is not installed",
    'import "left-pad";',
    /Could not resolve "left-pad"[^]*src\/index\.js:1:7/,
  ],
  ["Node", 'import { readFile } from "fs";\nreadFile();', /a component has no "fs"[^]*src\/index\.js:1:25/],
  ["an export that is not there", imported, /"Http"[^]*src\/index\.js:1:/],
  [
    "no step",
    "export const describe = 1;",
    /exports `describe`, and none of `transform`, `validate` and `connector`: write/,
  ],
  [
    "no describe",
    "export const transform = {};",
    /exports no `describe`: write `export const \{ describe, transform \}/,
  ],
  [
    "two steps",
    "export const describe = 1, transform = 1, validate = 1;",
    /`transform` and `validate`: a plugin is one step/,
  ],
  [
    "other exports",
    "export const describe = 1, transform = 1;",
    /something else as `describe` and `transform`/,
  ],
  [
    "a prepare that is not defined",
    `import { defineTransform } from "@stepmill/sdk";
    export const { describe, transform, prepare } = defineTransform(${definition("")});`,
    /exports `prepare`, but the definition has none/,
  ],
  [
    "a connector's prepare",
    "export const describe = 1, connector = 1, prepare = 1;",
    /exports `prepare`, which a connector in JavaScript cannot have/,
  ],
  [
    "a pure step that reaches out",
    `import { send } from "stepmill:plugin/http@0.1.0";
    export const describe = 1, transform = { run: send };`,
    /src\/index\.js imports stepmill:plugin\/http@0\.1\.0, but a transform is pure/,
  ],
  [
    "a name",
    `import { defineTransform } from "@stepmill/sdk";
    export const { describe, transform } = defineTransform(${definition('name: "My Step"')});`,
    /the name "My Step" must be 1 to 64 lower-case letters/,
  ],
  [
    "a version",
    `import { defineTransform } from "@stepmill/sdk";
    export const { describe, transform } = defineTransform(${definition('version: "1"')});`,
    /the version "1" is not a semantic version/,
  ],
  [
    "what the engine has not",
    `export const describe = () => ({ name: "a", version: "0.1.0" }), transform = { run() {} };
    export const letter = /\\p{L}/u;`,
    /the engine refuses dist\/a\.js: [^]*dist\/a\.js:\d+:\d+ SyntaxError/,
  ],
  [
    "a module that fails",
    "export const describe = 1, transform = 1;\nnull.boom;",
    /fails while it is loaded: TypeError[^]*src\/index\.js:2/,
  ],
];

for (const [what, source, said] of refused) {
  test(`the build refuses ${what}`, () => {
    const told = refusal(source);
    assert.match(told, said);
    assert.match(told, /^error: /);
  });
}

test("the tool says how it is called", () => {
  assert.match(refusal("", ["--nonsense"]), /nonsense[^]*Usage: stepmill-build/);
  assert.match(refusal("", ["src/other.js"]), /there is no src\/other\.js/);
});
