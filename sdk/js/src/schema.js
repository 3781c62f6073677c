/**
 * Schemas of config, input and output.
 *
 * Two kinds are taken. A JSON Schema, which TypeBox's types are too, goes into the manifest as it is. A schema of the
 * Standard Schema family that can say itself as JSON Schema, such as zod's, goes into the manifest as JSON Schema
 * and is what values are parsed by, so that its defaults and transformations work.
 */

import { Reject } from "./failure.js";

/**
 * @typedef {{ readonly [key: string]: any }} JsonSchema
 */

/**
 * The part of https://standardschema.dev that is used here.
 *
 * @template T
 * @typedef {{ readonly "~standard": {
 *   readonly vendor: string,
 *   readonly validate: (value: unknown) => Result<T> | Promise<Result<T>>,
 *   readonly types?: { readonly input: any, readonly output: T } | undefined,
 *   readonly jsonSchema?: {
 *     readonly input: (options: { target: any }) => JsonSchema,
 *     readonly output: (options: { target: any }) => JsonSchema,
 *   },
 * } }} StandardSchema
 */

/**
 * @template T
 * @typedef {{ readonly value: T, readonly issues?: undefined } | { readonly issues: readonly Issue[] }} Result
 */

/**
 * @typedef {object} Issue
 * @property {string} message
 * @property {readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined} [path]
 */

/**
 * @template T
 * @typedef {JsonSchema | StandardSchema<T>} Schema
 */

const TARGET = { target: "draft-2020-12" };

/**
 * The JSON Schema of what a schema takes (`input`) or of what it answers (`output`).
 *
 * @param {Schema<any>} schema
 * @param {"input" | "output"} side
 * @param {string} what - it is the schema of, for an error
 * @returns {string}
 */
export function manifestSchema(schema, side, what) {
  if (!isStandard(schema)) return JSON.stringify(schema);
  const { jsonSchema, vendor } = schema["~standard"];
  if (!jsonSchema) {
    throw new TypeError(
      `the schema of the ${what} is one of ${vendor} that cannot say itself as JSON Schema: ` +
        "give a JSON Schema, a TypeBox type, or a schema of zod 4.2 or later",
    );
  }
  return JSON.stringify(jsonSchema[side](TARGET));
}

/**
 * A value parsed by its schema, where the schema can parse. What does not fit is a rejection with code `what`.
 *
 * @template T
 * @param {Schema<T> | undefined} schema
 * @param {any} value
 * @param {string} what - is being parsed: `config` or `input`
 * @returns {Promise<T>}
 */
export async function parseBy(schema, value, what) {
  if (!schema || !isStandard(schema)) return value;
  const result = await schema["~standard"].validate(value);
  if (result.issues) throw new Reject(what, result.issues.map((issue) => sentence(issue, what)).join("; "));
  return result.value;
}

/**
 * @template T
 * @param {Schema<T>} schema
 * @returns {schema is StandardSchema<T>}
 */
function isStandard(schema) {
  return "~standard" in schema;
}

/**
 * @param {Issue} issue
 * @param {string} what
 */
function sentence({ path, message }, what) {
  if (!path?.length) return `the ${what}: ${message}`;
  const parts = path.map((part) => String(typeof part === "object" ? part.key : part));
  return `the ${what} at \`${parts.join(".")}\`: ${message}`;
}
