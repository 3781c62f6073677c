/**
 * Schemas of config, input and output.
 *
 * Two kinds are taken. A JSON Schema, which TypeBox's types are too, goes into the manifest as it is, and inputs are
 * checked by it. A schema of the Standard Schema family that can say itself as JSON Schema, such as zod's, goes into the
 * manifest as JSON Schema and is what values are parsed by, so that its defaults and transformations work.
 */

import { Validator } from "@cfworker/json-schema";

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
 * What makes values of a schema, made once. What does not fit is a rejection with code `what`.
 *
 * @template T
 * @param {Schema<T> | undefined} schema
 * @param {"config" | "input"} what - is parsed
 * @returns {(value: any) => T | Promise<T>}
 */
export function parserOf(schema, what) {
  if (schema && isStandard(schema)) return (value) => parsed(schema, value, what);
  // The host has checked a config by its JSON Schema.
  if (!schema || what === "config") return (value) => value;
  const validator = new Validator(schema, "2020-12");
  return (value) => checked(validator, value, what);
}

/**
 * @template T
 * @param {StandardSchema<T>} schema
 * @param {unknown} value
 * @param {string} what
 * @returns {Promise<T>}
 */
async function parsed(schema, value, what) {
  const result = await schema["~standard"].validate(value);
  if (result.issues) throw new Reject(what, result.issues.map((issue) => sentence(issue, what)).join("; "));
  return result.value;
}

/**
 * @param {Validator} validator
 * @param {any} value
 * @param {string} what
 * @returns {any}
 */
function checked(validator, value, what) {
  const { valid, errors } = validator.validate(value);
  if (valid) return value;
  // The last one is the innermost: those before it say of what holds it that something in it is wrong.
  const { instanceLocation = "#", error = "does not fit" } = errors.at(-1) ?? {};
  const path = instanceLocation.split("/").slice(1);
  throw new Reject(what, sentence({ path, message: error.charAt(0).toLowerCase() + error.slice(1) }, what));
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
