// Generated from wit/ by `npm run types`.

declare module "stepmill:plugin/log@0.1.0" {
  /**
   * Writes one line. Never fails: what is over the attempt's limit of log bytes (by default
   * 64 KiB) is dropped, and the last line kept says how many bytes were.
   */
  export function write(level: Level, message: string, fields: Array<Field>): void;
  /**
   * How much a line matters.
   * # Variants
   *
   * ## `"trace"`
   *
   * ## `"debug"`
   *
   * ## `"info"`
   *
   * ## `"warn"`
   *
   * ## `"error"`
   */
  export type Level = "trace" | "debug" | "info" | "warn" | "error";
  /**
   * A named value of a line.
   */
  export interface Field {
    name: string;
    value: string;
  }
}

declare module "stepmill:plugin/prepare@0.1.0" {
  /**
   * Makes the config ready. `config` is the step's config as `run` gets it, JSON text.
   *
   * It is called
   *
   * - when a workflow is loaded, and by `stepmill check`, for each step whose config has no
   *   expressions. A rejection then is an error of the workflow, shown at the step's `with`, so
   *   that nothing of it is deployed: say in the message what is wrong and where;
   * - once more for the memory that attempts begin with. After it the component's `run` is called
   *   with the very same config, any number of times, each time on a fresh copy;
   * - or never: a step whose config has expressions is not prepared, and no step is while its
   *   memory is still being made. So `run` must work without, and answer the same: let it look
   *   whether what is prepared is for the config it got, and else prepare on the spot.
   *
   * It may take as long as `describe` and use as much memory as an attempt may by default. It must
   * not do what would then be the same in every attempt, or missing from it. The host does without
   * the copy, with a warning, if `prepare`
   *
   * - draws random numbers or reads a clock. Only `wasi:random/insecure-seed` is answered, since hash
   *   maps of many languages begin with it: from the config, and the same to a pure step's `run`;
   * - logs or prints;
   * - keeps a handle, such as a stream or a pollable;
   * - traps, or runs into a limit.
   *
   * `http` and `storage` answer it nothing but their errors for a limit.
   */
  export function prepare(config: string): void;
  export type Rejection = import("stepmill:plugin/types@0.1.0").Rejection;
}

declare module "stepmill:plugin/transform@0.1.0" {
  /**
   * Answers the output for the input. `config` is the step's `with:` as JSON text, valid under
   * the manifest's config schema. The host may call it again with the same arguments at any
   * time, so it must answer the same: clocks stand at the event's acceptance, randomness is
   * seeded from run and step, and `wasi:random/insecure-seed` from the config.
   */
  export function run(input: Document, config: string, attempt: Attempt): Document;
  export type Document = import("stepmill:plugin/types@0.1.0").Document;
  export type Attempt = import("stepmill:plugin/types@0.1.0").Attempt;
  export type Failure = import("stepmill:plugin/types@0.1.0").Failure;
}

declare module "stepmill:plugin/types@0.1.0" {
  /**
   * The content of a document.
   */
  export type Body = BodyText | BodyBinary;
  /**
   * UTF-8 text. JSON always travels as text.
   */
  export interface BodyText {
    tag: "text";
    val: string;
  }
  /**
   * Bytes that are not, or need not be, UTF-8.
   */
  export interface BodyBinary {
    tag: "binary";
    val: Uint8Array;
  }
  /**
   * What flows from step to step.
   */
  export interface Document {
    /**
     * RFC 9110 media type of the body, such as `application/json`.
     */
    mediaType: string;
    /**
     * The content. Its size is limited by the step's limits (by default 16 MiB).
     */
    body: Body;
  }
  /**
   * Which try of which step of which run this is.
   */
  export interface Attempt {
    /**
     * Name of the workflow.
     */
    workflow: string;
    /**
     * Id of the run: `run_` and 32 lower-case hexadecimal digits, ordered by acceptance.
     */
    run: string;
    /**
     * Id of the step within its workflow.
     */
    step: string;
    /**
     * Number of this attempt, from 1. It goes on counting over a redrive.
     */
    number: number;
    /**
     * The same for every attempt of this step of this run, different for every other step and
     * run. Send it to systems that can recognise a repeated request.
     */
    idempotencyKey: string;
    /**
     * When the run's event was accepted, in milliseconds since the Unix epoch.
     */
    acceptedAtMs: bigint;
    /**
     * How long this attempt may take, in milliseconds from its start. When it is over the
     * attempt is ended from outside and counts as failed.
     */
    timeoutMs: bigint;
  }
  /**
   * Asks for another attempt later.
   */
  export interface RetryHint {
    /**
     * What went wrong, for a person. At most 4 KiB are kept.
     */
    message: string;
    /**
     * Earliest time of the next attempt, in milliseconds from now, such as a server's
     * `Retry-After`. The step's retry policy clamps it; without it the policy alone decides.
     */
    afterMs?: bigint;
  }
  /**
   * Says that no further attempt can help.
   */
  export interface Rejection {
    /**
     * A short stable name for the kind of rejection, such as `http-404`, for grouping.
     */
    code: string;
    /**
     * What is wrong, for a person. At most 4 KiB are kept.
     */
    message: string;
  }
  /**
   * How a step fails. A failure is data; a trap is a fault of the plugin.
   */
  export type Failure = FailureRetry | FailureReject;
  /**
   * A passing trouble: try again under the step's retry policy.
   */
  export interface FailureRetry {
    tag: "retry";
    val: RetryHint;
  }
  /**
   * A lasting one: the run becomes a dead letter at once.
   */
  export interface FailureReject {
    tag: "reject";
    val: Rejection;
  }
  /**
   * One way in which a document is not valid.
   */
  export interface Violation {
    /**
     * RFC 6901 JSON pointer into the input; empty for the document as a whole.
     */
    pointer: string;
    /**
     * Name of the rule that is broken, such as `required` or `minimum`.
     */
    rule: string;
    /**
     * What is wrong, for a person.
     */
    message: string;
  }
  /**
   * What a component says of itself. The host asks once, when it loads the component.
   */
  export interface Manifest {
    /**
     * Name of the plugin: lower-case letters, digits and `-`, at most 64 characters.
     */
    name: string;
    /**
     * Semantic version of the plugin.
     */
    version: string;
    /**
     * What the step does, in one sentence.
     */
    summary: string;
    /**
     * JSON Schema (draft 2020-12) of the step's config. A property with
     * `"x-stepmill-file": true` may be given in a workflow as the path of a file; the host puts
     * the file's content in its place when it loads the workflow: of JSON and YAML (`.json`, `.yaml`,
     * `.yml`) what is in it, of any other file its text as a string.
     */
    configSchema: string;
    /**
     * JSON Schema of the input, where the plugin can say one.
     */
    inputSchema?: string;
    /**
     * JSON Schema of the output, where the plugin can say one.
     */
    outputSchema?: string;
  }
}

declare module "stepmill:plugin/validate@0.1.0" {
  /**
   * Lists what is wrong with the input; an empty list means that it is valid. Any violation
   * rejects the run. At most 1,000 violations are kept. `config` as for `transform`.
   */
  export function run(input: Document, config: string, attempt: Attempt): Array<Violation>;
  export type Document = import("stepmill:plugin/types@0.1.0").Document;
  export type Attempt = import("stepmill:plugin/types@0.1.0").Attempt;
  export type Failure = import("stepmill:plugin/types@0.1.0").Failure;
  export type Violation = import("stepmill:plugin/types@0.1.0").Violation;
}

declare module "stepmill:plugin/connector@0.1.0" {
  /**
   * Does the step's work once. Connectors are at-least-once: after a crash or a lost answer the
   * same attempt is made again with the same idempotency key. `config` as for `transform`.
   */
  export function run(input: Document, config: string, attempt: Attempt): Document;
  export type Document = import("stepmill:plugin/types@0.1.0").Document;
  export type Attempt = import("stepmill:plugin/types@0.1.0").Attempt;
  export type Failure = import("stepmill:plugin/types@0.1.0").Failure;
}

declare module "stepmill:plugin/http@0.1.0" {
  /**
   * Sends a request and waits for the whole response. Redirects are answered to the guest as
   * they are, unless the step's grant says to follow them; then each hop is checked again.
   */
  export function send(request: Request): Response;
  /**
   * Where a request goes.
   */
  export type Target = TargetPath | TargetUrl;
  /**
   * A path with optional query, such as `/orders?page=2`, at the system that the step names
   * in the workflow (`system: erp`). The host puts the system's base URL before it and adds
   * its credentials.
   */
  export interface TargetPath {
    tag: "path";
    val: string;
  }
  /**
   * An absolute `http` or `https` URL. It must lie within the base URL of the step's system
   * or be listed in the step's grant (`allow:`). Credentials are added only for the former.
   */
  export interface TargetUrl {
    tag: "url";
    val: string;
  }
  /**
   * One header. Names are case-insensitive.
   */
  export interface Header {
    name: string;
    /**
     * Bytes of the value; usually ASCII text.
     */
    value: Uint8Array;
  }
  /**
   * A request.
   */
  export interface Request {
    /**
     * A method such as `GET`; case-sensitive, as RFC 9110 has it.
     */
    method: string;
    target: Target;
    /**
     * In order, repeats allowed. `Host`, `Content-Length`, `Connection` and other
     * connection-level headers are set by the host; given here they are `invalid-request`.
     */
    headers: Array<Header>;
    body?: Uint8Array;
    /**
     * Time for the whole exchange in milliseconds; clamped to what is left of the attempt.
     */
    timeoutMs?: bigint;
  }
  /**
   * A response, whatever its status: a 404 is a response, not an error.
   */
  export interface Response {
    status: number;
    headers: Array<Header>;
    body: Uint8Array;
  }
  /**
   * Why there is no response.
   */
  export type HttpError =
    | HttpErrorDenied
    | HttpErrorInvalidRequest
    | HttpErrorDns
    | HttpErrorConnect
    | HttpErrorTimeout
    | HttpErrorInterrupted
    | HttpErrorResponseTooLarge
    | HttpErrorRequestTooLarge
    | HttpErrorTooManyRequests
    | HttpErrorOther;
  /**
   * The step's grant does not cover the target. The text says what was asked for; the
   * host's log has the config that would allow it.
   */
  export interface HttpErrorDenied {
    tag: "denied";
    val: string;
  }
  /**
   * The request cannot be sent as it is: a bad URL, method or header.
   */
  export interface HttpErrorInvalidRequest {
    tag: "invalid-request";
    val: string;
  }
  /**
   * The name could not be resolved.
   */
  export interface HttpErrorDns {
    tag: "dns";
    val: string;
  }
  /**
   * No connection: refused, reset while connecting, or TLS failed.
   */
  export interface HttpErrorConnect {
    tag: "connect";
    val: string;
  }
  /**
   * Connecting, waiting for the first byte, or the whole exchange took too long. The
   * request may have reached the system.
   */
  export interface HttpErrorTimeout {
    tag: "timeout";
    val: string;
  }
  /**
   * The connection broke after the request was begun. The request may have reached the
   * system.
   */
  export interface HttpErrorInterrupted {
    tag: "interrupted";
    val: string;
  }
  /**
   * The response's body is larger than the step's limit, in bytes.
   */
  export interface HttpErrorResponseTooLarge {
    tag: "response-too-large";
    val: bigint;
  }
  /**
   * The request's body is larger than the step's limit, in bytes.
   */
  export interface HttpErrorRequestTooLarge {
    tag: "request-too-large";
    val: bigint;
  }
  /**
   * The attempt has used up its number of requests.
   */
  export interface HttpErrorTooManyRequests {
    tag: "too-many-requests";
    val: number;
  }
  /**
   * Anything that a later host adds.
   */
  export interface HttpErrorOther {
    tag: "other";
    val: string;
  }
}

declare module "stepmill:plugin/storage@0.1.0" {
  /**
   * The value of a key, or none.
   */
  export function get(key: string): Entry | undefined;
  /**
   * Writes a value.
   */
  export function put(key: string, value: Uint8Array, options: PutOptions): PutOutcome;
  /**
   * Removes a value or a counter. Says whether there was one.
   */
  export { _delete as delete };
  function _delete(key: string): boolean;
  /**
   * The keys that begin with `prefix`, at most `limit` of them (clamped to 1..=1000), from after
   * `cursor`. Counters are listed too.
   */
  export function listKeys(prefix: string, cursor: string | undefined, limit: number): Page;
  /**
   * Adds to a counter, which begins at 0, and answers its value with this and all committed
   * additions in it. Additions of all runs commute: none is ever lost or doubled. The answer is
   * not unique to this attempt. Saturates at the ends of `s64`.
   */
  export function add(key: string, delta: bigint): bigint;
  /**
   * The value of a counter; 0 where there is none.
   */
  export function counter(key: string): bigint;
  /**
   * A value and its version.
   */
  export interface Entry {
    value: Uint8Array;
    /**
     * Changes with every committed write of the key; never 0 for a committed value. A value that
     * this attempt itself has written reads with the version it will replace, or 0.
     */
    version: bigint;
  }
  /**
   * When a put takes effect.
   */
  export type Condition = ConditionAlways | ConditionIfAbsent | ConditionIfVersion;
  /**
   * Always: the last writer wins.
   */
  export interface ConditionAlways {
    tag: "always";
  }
  /**
   * Only if the key holds nothing.
   */
  export interface ConditionIfAbsent {
    tag: "if-absent";
  }
  /**
   * Only if the key's version is this one.
   */
  export interface ConditionIfVersion {
    tag: "if-version";
    val: bigint;
  }
  /**
   * How a put is done.
   */
  export interface PutOptions {
    condition: Condition;
    /**
     * The value disappears this many milliseconds after the commit; at most ten years.
     */
    ttlMs?: bigint;
  }
  /**
   * What became of a put.
   */
  export type PutOutcome = PutOutcomeWritten | PutOutcomeLost;
  /**
   * Written; it commits with the attempt. Should another run break the condition before that
   * commit, this attempt is not committed but run again, without counting as a try.
   */
  export interface PutOutcomeWritten {
    tag: "written";
  }
  /**
   * The condition does not hold. Carries the version that is there, or none.
   */
  export interface PutOutcomeLost {
    tag: "lost";
    val: bigint | undefined;
  }
  /**
   * One page of keys, in ascending order of their bytes.
   */
  export interface Page {
    keys: Array<string>;
    /**
     * Give it to the next call; none on the last page.
     */
    cursor?: string;
  }
  /**
   * Why a call was refused.
   */
  export type StorageError =
    | StorageErrorInvalidKey
    | StorageErrorTooLarge
    | StorageErrorLimitReached
    | StorageErrorWrongKind
    | StorageErrorUnavailable
    | StorageErrorOther;
  /**
   * A key is empty or longer than 512 bytes.
   */
  export interface StorageErrorInvalidKey {
    tag: "invalid-key";
    val: string;
  }
  /**
   * The value is larger than the limit, in bytes (by default 1 MiB).
   */
  export interface StorageErrorTooLarge {
    tag: "too-large";
    val: bigint;
  }
  /**
   * The attempt has used up its number of storage calls or of bytes written.
   */
  export interface StorageErrorLimitReached {
    tag: "limit-reached";
    val: string;
  }
  /**
   * The key holds a counter where bytes are asked for, or the other way about.
   */
  export interface StorageErrorWrongKind {
    tag: "wrong-kind";
    val: string;
  }
  /**
   * The journal could not be read. Asking for a retry is the right answer.
   */
  export interface StorageErrorUnavailable {
    tag: "unavailable";
    val: string;
  }
  /**
   * Anything that a later host adds.
   */
  export interface StorageErrorOther {
    tag: "other";
    val: string;
  }
}
