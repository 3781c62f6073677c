/**
 * Schemas of config, input and output.
 *
 * Two kinds are taken. A JSON Schema, which TypeBox's types are too, goes into the manifest as it is, and inputs are
 * checked by it. A schema of the Standard Schema family that can say itself as JSON Schema, such as zod's, goes into the
 * manifest as JSON Schema and is what values are parsed by, so that its defaults and transformations work.
 */
export type JsonSchema = { readonly [key: string]: any };
export type StandardSchema<T> = {
  readonly "~standard": {
    readonly vendor: string;
    readonly validate: (value: unknown) => Result<T> | Promise<Result<T>>;
    readonly types?: { readonly input: any; readonly output: T } | undefined;
    readonly jsonSchema?: {
      readonly input: (options: { target: any }) => JsonSchema;
      readonly output: (options: { target: any }) => JsonSchema;
    };
  };
};
export type Result<T> =
  { readonly value: T; readonly issues?: undefined } | { readonly issues: readonly Issue[] };
export type Issue = {
  message: string;
  path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
};
export type Schema<T> = JsonSchema | StandardSchema<T>;
/**
 * The JSON Schema of what a schema takes (`input`) or of what it answers (`output`).
 *
 * @param {Schema<any>} schema
 * @param {"input" | "output"} side
 * @param {string} what - it is the schema of, for an error
 * @returns {string}
 */
export declare function manifestSchema(schema: Schema<any>, side: "input" | "output", what: string): string;
/**
 * What makes values of a schema, made once. What does not fit is a rejection with code `what`.
 *
 * @template T
 * @param {Schema<T> | undefined} schema
 * @param {"config" | "input"} what - is parsed
 * @returns {(value: any) => T | Promise<T>}
 */
export declare function parserOf<T>(
  schema: Schema<T> | undefined,
  what: "config" | "input",
): (value: any) => T | Promise<T>;
