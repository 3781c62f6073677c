/** One module of the author's sources, the SDK and the packages that they import. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import * as esbuild from "esbuild";

import { BuildError } from "./error.js";

/**
 * @typedef {object} Bundle
 * @property {string} code
 * @property {string[]} exports
 * @property {{ path: string, importer: string }[]} imports - of the host
 */

/** Says at the import that Node's own modules are not there, rather than that they are not installed. */
const refuseNode = {
  name: "refuse-node",
  /** @param {esbuild.PluginBuild} build */
  setup(build) {
    const names = builtinModules.map((name) => name.replaceAll("/", "\\/")).join("|");
    build.onResolve({ filter: new RegExp(`^(node:.*|${names})$`) }, async ({ path, pluginData, ...from }) => {
      // A package of that name may be installed, such as `buffer`.
      if (!path.startsWith("node:") && pluginData !== refuseNode) {
        const found = await build.resolve(path, { ...from, pluginData: refuseNode });
        if (found.errors.length === 0) return found;
      }
      if (pluginData === refuseNode) return undefined;
      const text = `a component has no "${path}": there is no Node around it, only the web's standard APIs`;
      return { errors: [{ text }] };
    });
  },
};

/**
 * The bundle that becomes a component.
 *
 * @param {string} entry
 * @param {string} cwd
 * @returns {Promise<Bundle>}
 */
export async function bundle(entry, cwd) {
  const { outputFiles, metafile } = await run({
    ...options(entry, cwd),
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["stepmill", "import"],
    external: ["stepmill:*"],
    // A component has no place of its own: the engine throws where a module asks for it while it is evaluated.
    define: { "self.location": "undefined" },
    plugins: [refuseNode],
  });
  const [output] = Object.values(metafile.outputs);
  const importers = Object.entries(metafile.inputs);
  const outside = (output?.imports ?? []).filter(({ external }) => external);
  const imports = outside.map(({ path }) => {
    const importer = importers.find(([, input]) => input.imports.some((imported) => imported.path === path));
    return { path, importer: importer?.[0] ?? entry };
  });
  return { code: outputFiles[0]?.text ?? "", exports: output?.exports ?? [], imports };
}

/**
 * What the entry exports, evaluated here with doubles of the host, so that mistakes are found where there are stacks.
 *
 * @param {string} entry
 * @param {string} cwd
 * @returns {Promise<Record<string, any>>}
 */
export async function evaluate(entry, cwd) {
  const { outputFiles } = await run({ ...options(entry, cwd), platform: "node", sourcemap: "inline" });
  const folder = await mkdtemp(join(tmpdir(), "stepmill-build-"));
  const file = join(folder, "module.mjs");
  process.setSourceMapsEnabled(true);
  try {
    await writeFile(file, outputFiles[0]?.contents ?? "");
    return await import(pathToFileURL(file).href);
  } catch (error) {
    const told = error instanceof Error ? error.stack : String(error);
    throw new BuildError(`${entry} fails while it is loaded: ${told}`, { cause: error });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * @param {string} entry
 * @param {string} cwd
 * @returns {esbuild.BuildOptions & { write: false, metafile: true }}
 */
function options(entry, cwd) {
  return {
    entryPoints: [entry],
    absWorkingDir: cwd,
    outfile: "bundle.js",
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    target: "es2023",
    charset: "utf8",
    legalComments: "none",
    loader: { ".txt": "text" },
    logLevel: "silent",
  };
}

/**
 * @param {esbuild.BuildOptions & { write: false, metafile: true }} given
 */
async function run(given) {
  try {
    return await esbuild.build(given);
  } catch (error) {
    if (!(error instanceof Error && "errors" in error)) throw error;
    const messages = /** @type {esbuild.Message[]} */ (error.errors);
    const told = await esbuild.formatMessages(messages, {
      kind: "error",
      color: process.stderr.isTTY ?? false,
    });
    throw new BuildError(told.join("").trim(), { cause: error });
  }
}
