/** Which world a module targets, told by what it exports. */

import { BuildError } from "./error.js";

/** @typedef {"transform" | "validate" | "connector"} Kind */

/**
 * @typedef {object} World
 * @property {Kind} kind
 * @property {boolean} isPrepared - whether it exports `prepare` too
 * @property {string} name - in `wit/worlds.wit`
 */

/** @type {Record<Kind, string>} */
const DEFINED_BY = { transform: "defineTransform", validate: "defineValidate", connector: "defineConnector" };

/** What only connectors import. */
const REACH = /^stepmill:plugin\/(http|storage)@/;

/**
 * @param {string} entry - for errors
 * @param {string[]} exports
 * @returns {World}
 */
export function worldOf(entry, exports) {
  const kinds = /** @type {Kind[]} */ (Object.keys(DEFINED_BY)).filter((kind) => exports.includes(kind));
  const [kind, second] = kinds;
  if (!kind) {
    const found = exports.length > 0 ? exports.map((name) => `\`${name}\``).join(", ") : "nothing";
    throw new BuildError(
      `${entry} exports ${found}, and none of \`transform\`, \`validate\` and \`connector\`: ${hint("transform")}`,
    );
  }
  if (second) {
    throw new BuildError(
      `${entry} exports \`${kind}\` and \`${second}\`: a plugin is one step, so build them apart`,
    );
  }
  if (!exports.includes("describe")) throw new BuildError(`${entry} exports no \`describe\`: ${hint(kind)}`);
  const isPrepared = exports.includes("prepare");
  if (isPrepared && kind === "connector") {
    throw new BuildError(
      `${entry} exports \`prepare\`, which a connector in JavaScript cannot have: its memory would be kept without a ` +
        "clock and randomness, which HTTP needs",
    );
  }
  return { kind, isPrepared, name: `${isPrepared ? "prepared-" : ""}${kind}-plugin` };
}

/**
 * Refuses what a pure step may not import. The host does too, but knows no file.
 *
 * @param {World} world
 * @param {{ path: string, importer: string }[]} imports - of the host
 */
export function checkImports({ kind }, imports) {
  if (kind === "connector") return;
  const found = imports.find(({ path }) => REACH.test(path));
  if (!found) return;
  throw new BuildError(
    `${found.importer} imports ${found.path}, but a ${kind} is pure and must not reach the outside: ` +
      "make it a connector, or do without",
  );
}

/**
 * Refuses exports that are not what the names promise, and names and versions that the host would refuse.
 *
 * @param {string} entry - for errors
 * @param {World} world
 * @param {Record<string, any>} module - what the entry exports, evaluated
 * @returns {import("stepmill:plugin/types@0.1.0").Manifest}
 */
export function manifestOf(entry, { kind, isPrepared }, module) {
  if (typeof module[kind]?.run !== "function" || typeof module.describe !== "function") {
    throw new BuildError(
      `${entry} exports something else as \`describe\` and \`${kind}\` than it must: ${hint(kind)}`,
    );
  }
  if (isPrepared && typeof module.prepare?.prepare !== "function") {
    throw new BuildError(
      `${entry} exports \`prepare\`, but the definition has none: add it, or do not export it`,
    );
  }
  const manifest = module.describe();
  if (!/^[a-z0-9-]{1,64}$/.test(manifest.name)) {
    throw new BuildError(
      `${entry}: the name "${manifest.name}" must be 1 to 64 lower-case letters, digits and dashes`,
    );
  }
  if (!/^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$/.test(manifest.version)) {
    throw new BuildError(
      `${entry}: the version "${manifest.version}" is not a semantic version such as 1.2.0`,
    );
  }
  return manifest;
}

/** @param {Kind} kind */
function hint(kind) {
  return `write \`export const { describe, ${kind} } = ${DEFINED_BY[kind]}({ … })\``;
}
