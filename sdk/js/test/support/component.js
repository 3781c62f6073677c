/** Components run under Node, by jco's transpiler. */

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { transpile } from "@bytecodealliance/jco";
import { WASIShim } from "@bytecodealliance/preview2-shim/instantiation";
import { build } from "@stepmill/sdk/build";
import { MemoryStorage } from "@stepmill/sdk/testing";

/** @typedef {import("stepmill:plugin/types@0.1.0").Attempt} Attempt */

const root = fileURLToPath(new URL("../..", import.meta.url));

/** @type {Attempt} */
export const attempt = {
  workflow: "w",
  run: "run_00000000000000000000000000000001",
  step: "s",
  number: 1,
  idempotencyKey: "key",
  acceptedAtMs: 1_700_000_000_000n,
  timeoutMs: 30_000n,
};

/**
 * Builds a guest of `test/guests`, and answers what it imports and a way to have fresh instances.
 *
 * @param {string} guest
 * @param {import("node:test").TestContext} t
 */
export async function component(guest, t) {
  const folder = await mkdtemp(join(tmpdir(), "stepmill-guest-"));
  t.after(() => rm(folder, { recursive: true }));
  const built = await build({ entry: `test/guests/${guest}`, out: folder, cwd: root });
  const bytes = await readFile(join(root, built.path));
  const { files, imports } = await transpile(bytes, {
    name: "guest",
    instantiation: "async",
    noTypescript: true,
  });
  const modules = Object.entries(files).filter(([name]) => !name.endsWith(".d.ts"));
  for (const [name, content] of modules) await writeFile(join(folder, name), content);
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  const module = await import(pathToFileURL(join(folder, "guest.js")).href);
  const load = async (/** @type {string} */ path) => WebAssembly.compile(await readFile(join(folder, path)));
  return { built, imports, instantiate: (/** @type {Reach} */ reach) => instantiate(module, load, reach) };
}

/**
 * @typedef {object} Reach
 * @property {(request: import("stepmill:plugin/http@0.1.0").Request) => import("stepmill:plugin/http@0.1.0").Response} [send]
 * @property {MemoryStorage} [storage]
 * @property {string[]} [logs]
 */

/**
 * @param {any} module
 * @param {(path: string) => Promise<WebAssembly.Module>} load
 * @param {Reach} reach
 */
function instantiate(module, load, { send, storage = new MemoryStorage(), logs = [] }) {
  return module.instantiate(load, {
    ...new WASIShim().getImportObject(),
    "stepmill:plugin/log": {
      write: (/** @type {string} */ level, /** @type {string} */ message, /** @type {any[]} */ fields) => {
        logs.push([`${level}: ${message}`, ...fields.map(({ name, value }) => `${name}=${value}`)].join(" "));
      },
    },
    "stepmill:plugin/http": { send },
    "stepmill:plugin/storage": {
      get: storage.get.bind(storage),
      put: storage.put.bind(storage),
      delete: storage.remove.bind(storage),
      listKeys: storage.listKeys.bind(storage),
      add: storage.add.bind(storage),
      counter: storage.counter.bind(storage),
    },
  });
}
