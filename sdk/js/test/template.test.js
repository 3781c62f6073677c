import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What a project is given of the SDK beside `wit`. */
const VENDORED = ["bin", "build", "src", "types", "package.json", "README.md"];

/**
 * A project as `stepmill plugin new` makes it, but for its name.
 *
 * @param {string} kind
 */
function project(kind) {
  const folder = mkdtempSync(join(tmpdir(), `stepmill-${kind}-`));
  cpSync(join(root, "template", kind), folder, { recursive: true });
  cpSync(join(root, "../../wit"), join(folder, "vendor/stepmill/wit"), { recursive: true });
  for (const part of VENDORED) {
    cpSync(join(root, part), join(folder, "vendor/stepmill/sdk/js", part), { recursive: true });
  }
  return folder;
}

for (const kind of ["transform", "validate", "connector"]) {
  test(`a project of the template for a ${kind} installs, checks, tests and builds`, (t) => {
    const folder = project(kind);
    t.after(() => rmSync(folder, { recursive: true }));
    // Tests that know of being run by a test report to it, and print nothing.
    const env = { ...process.env };
    delete env.NODE_TEST_CONTEXT;
    const npm = (/** @type {string[]} */ ...args) =>
      execFileSync("npm", args, { cwd: folder, env, encoding: "utf8" });
    npm("install", "--prefer-offline", "--no-audit", "--no-fund");
    npm("run", "check");
    assert.match(npm("test"), /pass [1-9]/);
    assert.match(npm("run", "build"), new RegExp(`dist/my-step\\.wasm {2}${kind} my-step 0\\.1\\.0, `));
    assert.ok(statSync(join(folder, "dist/my-step.wasm")).size > 1 << 20);
  });
}
