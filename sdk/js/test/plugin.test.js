import assert from "node:assert/strict";
import { test } from "node:test";

import * as Type from "typebox";
import { z } from "zod";

import { defineTransform, defineValidate, Document, log, Reject, Retry, violation } from "@stepmill/sdk";
import { prepare, transform, validate } from "@stepmill/sdk/testing";

const about = { name: "t", version: "0.1.0", summary: "For tests." };

/** @typedef {import("@stepmill/sdk").Context} Context */

/**
 * @param {{ run: (input: any, config: any, ctx: Context) => unknown, prepare?: (config: any) => unknown,
 *   config?: any, input?: any, output?: any }} rest
 */
const define = (rest) => defineTransform({ ...about, ...rest });

test("json is compact, with keys in their order and text unescaped", async () => {
  const plugin = define({
    run: (input) => ({ z: input.a, a: [1.5, 19.0, -0, 1e21, 1e-7], t: 'ü "\u2028\n' }),
  });
  const { document } = await transform(plugin, { input: { a: null } });
  assert.equal(document.mediaType, "application/json");
  assert.equal(document.body, '{"z":null,"a":[1.5,19,0,1e+21,1e-7],"t":"ü \\"\u2028\\n"}');
});

test("what is no json is rejected, coming in and going out", async () => {
  const echo = define({ run: (input) => input });
  const broken = new Document("application/json", '{"a":');
  await assert.rejects(transform(echo, { input: broken }), (error) => {
    return (
      error instanceof Reject && error.code === "input" && error.message.startsWith("the input is not JSON: ")
    );
  });
  const output = { code: "output" };
  await assert.rejects(transform(define({ run: () => undefined }), { input: 1 }), output);
  await assert.rejects(transform(define({ run: () => 1n }), { input: 1 }), output);
});

test("documents that are no json go in and out as they are", async () => {
  const plugin = define({
    input: Document,
    run: (/** @type {Document} */ csv) =>
      Document.binary(
        csv.bytes().map((byte) => byte + 1),
        "x/y",
      ),
  });
  const { document, output } = await transform(plugin, { input: Document.text("abc", "text/csv") });
  assert.deepEqual([document.mediaType, document.text(), output], ["x/y", "bcd", undefined]);
  assert.equal(plugin.describe().inputSchema, undefined);
});

test("failures are data, and anything else is a fault with its own stack", async () => {
  const failing = (/** @type {unknown} */ thrown) => {
    return transform(
      define({
        run: () => {
          throw thrown;
        },
      }),
      { input: 1 },
    );
  };
  await assert.rejects(failing(new Reject("no", "never")), { name: "Reject", code: "no", message: "never" });
  await assert.rejects(failing(new Retry("busy", { afterMs: 1.2 })), {
    name: "Retry",
    message: "busy",
    afterMs: 2,
  });
  await assert.rejects(failing(new Retry("busy")), { afterMs: undefined });
  const fault = new RangeError("oops");
  await assert.rejects(failing(fault), (error) => error === fault);
  await assert.rejects(failing("text"), { name: "TypeError", message: /text/ });
});

test("the host is given a failure as payload, and nothing of a fault", async () => {
  const run = (/** @type {unknown} */ thrown) => {
    const plugin = define({
      run: () => {
        throw thrown;
      },
    });
    const document = {
      mediaType: "application/json",
      body: { tag: /** @type {const} */ ("text"), val: "1" },
    };
    return plugin.transform.run(document, "", /** @type {any} */ ({})).catch((error) => error);
  };
  const retry = await run(new Retry("busy", { afterMs: 5 }));
  assert.ok(Object.hasOwn(retry, "payload"));
  assert.deepEqual(retry.payload, { tag: "retry", val: { message: "busy", afterMs: 5n } });
  const fault = await run(new RangeError("oops"));
  assert.ok(Object.hasOwn(fault, "payload"));
  assert.throws(() => fault.payload, { name: "RangeError", message: "oops" });
});

test("json schemas go into the manifest as they are, and inputs are checked by them", async () => {
  const config = Type.Object({ vat: Type.Number() });
  const plugin = define({ config, input: Type.String(), output: Type.Number(), run: () => 1 });
  const manifest = plugin.describe();
  assert.deepEqual(JSON.parse(manifest.configSchema), JSON.parse(JSON.stringify(config)));
  assert.deepEqual([manifest.inputSchema, manifest.outputSchema], ['{"type":"string"}', '{"type":"number"}']);
  assert.equal((await transform(plugin, { input: "1", config: { vat: "unchecked" } })).output, 1);
  const lines = define({
    input: Type.Object({ lines: Type.Array(Type.Object({ n: Type.Integer() })) }),
    run: () => 1,
  });
  await assert.rejects(transform(lines, { input: { lines: [{ n: 1 }, { n: "x" }] } }), {
    code: "input",
    message: /^the input at `lines\.1\.n`: instance type "string" is invalid/,
  });
  assert.equal(JSON.parse(define({ run: () => 1 }).describe().configSchema).additionalProperties, false);
});

test("zod's schemas parse, with defaults, and name what does not fit", async () => {
  const plugin = defineTransform({
    ...about,
    config: z.object({ factor: z.number().default(2) }),
    input: z.object({ lines: z.array(z.object({ n: z.number() })) }),
    run: (input, config) => input.lines.map((line) => line.n * config.factor),
  });
  assert.deepEqual(JSON.parse(plugin.describe().configSchema).properties, {
    factor: { default: 2, type: "number" },
  });
  assert.deepEqual((await transform(plugin, { input: { lines: [{ n: 4 }] } })).output, [8]);
  const input = { lines: [{ n: 4 }, { n: "x" }] };
  await assert.rejects(transform(plugin, { input }), {
    code: "input",
    message: /^the input at `lines\.1\.n`: /,
  });
  await assert.rejects(transform(plugin, { input, config: { factor: "x" } }), { code: "config" });
});

test("prepare is shared by attempts of its config, and done on the spot for others", async () => {
  let times = 0;
  const plugin = define({
    config: Type.Object({ table: Type.String() }),
    prepare: (/** @type {{ table: string }} */ config) => {
      times += 1;
      if (!config.table.includes("=")) throw new Reject("table", "no table");
      const [from, to] = config.table.split("=");
      return new Map([[from, to]]);
    },
    run: (code, table) => table.get(code),
  });
  await prepare(plugin, { table: "a=b" });
  const run = async (/** @type {string} */ table) =>
    (await transform(plugin, { input: "a", config: { table } })).output;
  assert.deepEqual([await run("a=b"), await run("a=b"), times], ["b", "b", 1]);
  assert.deepEqual([await run("a=c"), await run("a=b"), times], ["c", "b", 2]);
  await assert.rejects(prepare(plugin, { table: "a" }), { name: "Reject", code: "table" });
  assert.equal(define({ run: () => 1 }).prepare, undefined);
});

test("a validate answers what its generator yields, with escaped pointers", async () => {
  const plugin = defineValidate({
    ...about,
    *run(order) {
      if (!order.id) yield violation(["a/b", "~", 0], "required", "no id");
    },
  });
  const [found, ...rest] = await validate(plugin, { input: {} });
  assert.deepEqual([found, rest], [{ pointer: "/a~1b/~0/0", rule: "required", message: "no id" }, []]);
  assert.deepEqual(await validate(plugin, { input: { id: 1 } }), []);
});

test("a call knows its attempt, and its log lines are those of its run", async () => {
  const plugin = define({
    async run(input, config, ctx) {
      ctx.log.info("began", { attempt: ctx.attempt, of: { run: ctx.run.length } });
      await new Promise((resolve) => setTimeout(resolve, 5));
      log.warn(input);
      return [ctx.idempotencyKey, ctx.acceptedAt, ctx.timeoutMs, ctx.document.mediaType];
    },
  });
  /** @type {string[][]} */
  const [one, two] = [[], []];
  const attempt = { number: 2, acceptedAt: new Date(0), timeoutMs: 1000 };
  const [{ output }] = await Promise.all([
    transform(plugin, { input: "one", attempt, logs: one }),
    transform(plugin, { input: "two", logs: two }),
  ]);
  assert.deepEqual(output, ["test-key", "1970-01-01T00:00:00.000Z", 1000, "application/json"]);
  assert.deepEqual(one, ['info: began attempt=2 of={"run":36}', "warn: one"]);
  assert.deepEqual(two?.at(-1), "warn: two");
});

test("a pure step has no fetch", async () => {
  const plugin = define({ run: async () => (await fetch("http://127.0.0.1:1/")).status });
  await assert.rejects(transform(plugin, { input: 1 }), {
    name: "TypeError",
    message: /make it a connector/,
  });
});
