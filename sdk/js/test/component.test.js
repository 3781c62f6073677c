import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";

import { FakeHttp, MemoryStorage } from "@stepmill/sdk/testing";

import { attempt, component } from "./support/component.js";

/** @param {unknown} value */
const json = (value) => ({
  mediaType: "application/json",
  body: { tag: "text", val: JSON.stringify(value) },
});

/** @param {string[]} imports */
const reaching = (imports) => imports.filter((name) => /http|storage|sockets/.test(name)).sort();

test("a pure step ends as data or in a trap, and imports nothing that reaches out", async (t) => {
  const { built, imports, instantiate } = await component("pure.ts", t);
  assert.deepEqual([built.kind, built.manifest.name], ["transform", "pure"]);
  assert.deepEqual(reaching(imports), []);
  /** @type {string[]} */
  const logs = [];
  const run = async (/** @type {string} */ end) => {
    const { transform, describe } = await instantiate({ logs });
    assert.equal(describe().summary, "Ends in every way.");
    return transform.run(json({ end }), "{}", attempt);
  };
  const payload = (/** @type {any} */ error) => error.payload;
  assert.deepEqual((await run("value")).body, { tag: "text", val: '{"z":"ü","a":[19,1.5]}' });
  const { mediaType, body } = await run("document");
  assert.deepEqual([mediaType, body.tag, [...body.val]], ["x/y", "binary", [0, 255]]);
  assert.deepEqual(await run("reject").catch(payload), {
    tag: "reject",
    val: { code: "no", message: "never" },
  });
  assert.deepEqual(await run("retry").catch(payload), {
    tag: "retry",
    val: { message: "busy", afterMs: 5n },
  });
  for (const end of ["fault", "fetch"]) await assert.rejects(run(end), WebAssembly.RuntimeError, end);
  assert.deepEqual(logs.slice(0, 2), ["info: hello end=value", "info: hello end=document"]);
});

test("a prepared step keeps what it made ready, and has neither time nor chance", async (t) => {
  const { imports, instantiate } = await component("prepared.js", t);
  assert.deepEqual(reaching(imports), []);
  assert.deepEqual(
    imports.filter((name) => /clocks|random/.test(name)),
    [],
  );
  const instance = await instantiate({});
  instance.prepare.prepare('{"word":"a"}');
  const run = (/** @type {string} */ config, /** @type {unknown} */ input = "") => {
    return JSON.parse(instance.transform.run(json(input), config, attempt).body.val);
  };
  const times = ["2023-11-14T22:13:20.000Z", "1970-01-01T00:00:00.000Z"];
  assert.deepEqual(run('{"word":"a"}'), ["a", 1, ...times]);
  assert.deepEqual(run('{"word":"a"}'), ["a", 2, ...times]);
  assert.deepEqual(run('{"word":"b"}'), ["b", 1, ...times]);
  assert.throws(() => instance.prepare.prepare("{}"), {
    payload: { code: "word", message: "there is no word" },
  });
  assert.throws(() => run('{"word":"a"}', "time"), WebAssembly.RuntimeError);
  const other = await instantiate({});
  assert.throws(() => other.transform.run(json("chance"), '{"word":"a"}', attempt), WebAssembly.RuntimeError);
});

test("zod parses in a component", async (t) => {
  const { instantiate } = await component("zodded.js", t);
  const { transform } = await instantiate({});
  assert.equal(transform.run(json({ n: 2 }), "", attempt).body.val, "3");
  assert.throws(
    () => transform.run(json({ n: "x" }), "", attempt),
    (/** @type {any} */ { payload }) => {
      return payload.val.code === "input" && payload.val.message.startsWith("the input at `n`: ");
    },
  );
});

test("a connector reaches systems by http and fetch, and storage", async (t) => {
  const server = new Worker(new URL("./support/echo.js", import.meta.url));
  t.after(() => server.terminate());
  const [port] = await once(server, "message");
  const { imports, instantiate } = await component("reach.js", t);
  const expected = [
    "stepmill:plugin/http",
    "stepmill:plugin/storage",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
  ];
  assert.deepEqual(reaching(imports), expected);
  const http = new FakeHttp()
    .replyJson("PUT", "/x?q=%C3%A4", 200, { ok: true })
    .reply("GET", "/busy", 429, "slow down", { "retry-after": "1" })
    .fail("GET", "https://far.test/", { tag: "denied", val: "far.test" });
  const storage = new MemoryStorage({ "a/old": { n: 1 }, "a/gone": 0 });
  const { connector } = await instantiate({ send: (request) => http.send(request), storage });
  const { body } = await connector.run(json({ url: `http://127.0.0.1:${port}/` }), "", attempt);
  assert.deepEqual(JSON.parse(body.val), {
    fetched: [201, "POST ä"],
    sent: { ok: true },
    denied: "denied",
    put: [true, false],
    swapped: true,
    count: -2,
    gone: true,
    keys: ["a/n", "a/new", "a/old"],
    wrong: "wrong-kind",
  });
  assert.equal(http.requests[0]?.text, '{"n":1}');
  assert.throws(() => connector.run(json({ give: 1 }), "", attempt), {
    payload: { tag: "retry", val: { message: "the system answered 429: slow down", afterMs: 1000n } },
  });
});
