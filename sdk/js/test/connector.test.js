import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";

import { defineConnector, isPassing } from "@stepmill/sdk";
import { connect, FakeHttp, MemoryStorage } from "@stepmill/sdk/testing";

/** @typedef {import("@stepmill/sdk").ConnectorContext} ConnectorContext */

const encoder = new TextEncoder();

/**
 * Runs the body of a connector.
 *
 * @param {(ctx: ConnectorContext) => unknown} run
 * @param {{ http?: FakeHttp, storage?: MemoryStorage }} [world]
 */
async function running(run, world = {}) {
  const about = { name: "c", version: "0.1.0", summary: "For tests." };
  const plugin = defineConnector({ ...about, run: async (input, config, ctx) => (await run(ctx)) ?? null });
  return (await connect(plugin, { input: {}, ...world })).output;
}

test("requests carry json, headers and an encoded query", async () => {
  const http = new FakeHttp().replyJson("POST", "/a?x=1&q=%C3%A4%20%26%21&q=2", 201, { n: 7 });
  const answer = await running(
    ({ http }) => {
      const query = /** @type {const} */ ([
        ["q", "ä &!"],
        ["q", 2],
      ]);
      const response = http.post("/a?x=1#top", {
        json: { ü: 1 },
        headers: { "X-A": "1" },
        query,
        timeoutMs: 50.5,
      });
      return [response.status, response.ok, response.header("Content-Type"), response.json()];
    },
    { http },
  );
  assert.deepEqual(answer, [201, true, "application/json", { n: 7 }]);
  const [sent] = http.requests;
  assert.deepEqual(sent?.headers, [
    ["X-A", "1"],
    ["content-type", "application/json"],
  ]);
  assert.deepEqual([sent?.text, sent?.timeoutMs], ['{"ü":1}', 51]);
});

test("absolute urls are told from paths", async () => {
  /** @type {unknown[]} */
  const targets = [];
  const http = new FakeHttp();
  http.send = ({ target }) => {
    targets.push(target.tag);
    return { status: 200, headers: [], body: encoder.encode("") };
  };
  await running(
    ({ http }) => {
      for (const target of ["https://a.test/", "HTTP://a.test/", "/go?to=https://a.test/", "orders"])
        http.get(target);
    },
    { http },
  );
  assert.deepEqual(targets, ["url", "url", "path", "path"]);
});

test("a status becomes the failure that fits", async () => {
  const failing = (/** @type {number} */ status, body = "", headers = {}) => {
    const http = new FakeHttp().reply("GET", "/", status, body, headers);
    return running(({ http }) => void http.get("/").orFail(), { http });
  };
  await failing(204);
  const retryAfter = { "Retry-After": "7" };
  await assert.rejects(failing(503, "later", retryAfter), {
    name: "Retry",
    afterMs: 7000,
    message: "the system answered 503: later",
  });
  await assert.rejects(failing(410, "", retryAfter), {
    code: "http-410",
    message: "the system answered 410 with an empty body",
  });
  await assert.rejects(failing(400, `x${"ä".repeat(200)}`), { message: /: xä{149}…$/ });
  await assert.rejects(failing(302), { code: "http-302" });
  assert.deepEqual([408, 425, 429, 500, 599].map(isPassing), Array(5).fill(true));
  assert.deepEqual([404, 501, 505, 600].map(isPassing), Array(4).fill(false));
});

test("retry-after is seconds or a date", async () => {
  const told = (/** @type {string} */ value) => {
    const http = new FakeHttp().reply("GET", "/", 503, "", { "retry-after": value });
    return running(({ http }) => http.get("/").retryAfterMs() ?? "none", { http });
  };
  const later = new Date(Date.now() + 60_000);
  assert.deepEqual(
    await Promise.all(["120", " 0 ", "Wed, 21 Oct 2015 07:28:00 GMT"].map(told)),
    [120_000, 0, 0],
  );
  const left = await told(later.toUTCString());
  assert.ok(left > 50_000 && left <= 60_000, `${left}`);
  for (const nonsense of ["", "-1", "soon", "1.5", "2030-01-01"])
    assert.equal(await told(nonsense), "none", nonsense);
});

test("no response is an error with its kind, and the failure that fits it", async () => {
  const http = new FakeHttp()
    .fail("GET", "/slow", { tag: "timeout", val: "10 s" })
    .fail("GET", "/far", { tag: "denied", val: "https://a.test" })
    .fail("GET", "/big", { tag: "response-too-large", val: 9n });
  const get = (/** @type {string} */ path) => running(({ http }) => void http.get(path), { http });
  await assert.rejects(get("/slow"), { name: "Retry", message: "timed out: 10 s" });
  await assert.rejects(get("/far"), { code: "http-denied", message: "not granted: https://a.test" });
  await assert.rejects(get("/big"), { code: "http-response-too-large", message: /than 9 bytes/ });
  await assert.rejects(get("/none"), { name: "Retry", message: "connection failed: no reply for GET /none" });
  const caught = await running(
    ({ http }) => {
      try {
        return http.get("/far");
      } catch (error) {
        return [/** @type {any} */ (error).kind, /** @type {any} */ (error).isPassing];
      }
    },
    { http },
  );
  assert.deepEqual(caught, ["denied", false]);
});

test("errors of the bindings are known though they come from another realm", async () => {
  const http = new FakeHttp();
  http.send = () => {
    throw Object.assign(runInNewContext("new Error()"), { payload: { tag: "dns", val: "a.test" } });
  };
  const get = running(({ http }) => void http.get("/"), { http });
  await assert.rejects(get, { name: "Retry", message: "name resolution failed: a.test" });
});

test("replies are used up in order, the last again and again", async () => {
  const http = new FakeHttp().reply("GET", "/", 503).reply("GET", "/", 200);
  const statuses = await running(({ http }) => [1, 2, 3].map(() => http.get("/").status), { http });
  assert.deepEqual(statuses, [503, 200, 200]);
});

test("fetch is answered by the same script", async () => {
  const http = new FakeHttp()
    .replyJson("POST", "https://a.test/x", 201, [1])
    .reply("GET", "https://a.test/none", 204);
  const answer = await running(
    async () => {
      const response = await fetch("https://a.test/x", {
        method: "POST",
        body: "b",
        headers: { "x-a": "1" },
      });
      const none = await fetch(new URL("https://a.test/none"));
      const failed = await fetch("https://b.test/").catch((error) => error.name);
      return [response.status, await response.json(), none.status, failed];
    },
    { http },
  );
  assert.deepEqual(answer, [201, [1], 204, "TypeError"]);
  assert.equal(http.requests[0]?.text, "b");
  assert.deepEqual(http.requests[0]?.headers.at(-1), ["x-a", "1"]);
});

test("storage keeps text, bytes, json and counters, with conditions", async () => {
  const storage = new MemoryStorage({ "a/old": { n: 1 } });
  const answer = await running(
    ({ storage }) => {
      const entry = storage.entry("a/old");
      return {
        old: storage.getJson("a/old"),
        absent: [
          storage.put("a/new", "ü", { ifAbsent: true }),
          storage.put("a/new", "x", { ifAbsent: true }),
        ],
        version: [
          storage.put("a/old", "2", { ifVersion: 99n }),
          storage.put("a/old", "2", { ifVersion: entry?.version ?? 0n }),
        ],
        text: storage.getText("a/new"),
        none: [storage.get("none") ?? "none", storage.getJson("none") ?? "none", storage.delete("none")],
        count: [storage.add("a/n"), storage.add("a/n", -3), storage.counter("a/n"), storage.counter("other")],
        page: storage.listKeys("a/", { limit: 1 }),
      };
    },
    { storage },
  );
  assert.deepEqual(answer, {
    old: { n: 1 },
    absent: [true, false],
    version: [false, true],
    text: "ü",
    none: ["none", "none", false],
    count: [1, -2, -2, 0],
    page: { keys: ["a/n"], cursor: "a/n" },
  });
  assert.deepEqual(storage.contents(), { "a/n": -2, "a/new": "ü", "a/old": 2 });
});

test("what storage refuses is an error with its kind, and the failure that fits it", async () => {
  await assert.rejects(
    running(({ storage }) => storage.get("")),
    { code: "storage-invalid-key" },
  );
  const mixed = (/** @type {ConnectorContext} */ { storage }) => [storage.add("n"), storage.put("n", "1")];
  await assert.rejects(running(mixed), { code: "storage-wrong-kind", message: /`n` is a counter/ });
});

test("keys come over several pages, in the order of their bytes", async () => {
  const storage = new MemoryStorage(
    Object.fromEntries(Array.from({ length: 2100 }, (_, n) => [`k/${n}`, 0])),
  );
  const [count, last] = await running(
    ({ storage }) => {
      storage.delete("k/7");
      storage.put("k/\u{1F600}", "");
      storage.put("k/\uFF00", "");
      const keys = [...storage.keys("k/")];
      return [keys.length, keys.slice(-2)];
    },
    { storage },
  );
  assert.deepEqual([count, last], [2101, ["k/\uFF00", "k/\u{1F600}"]]);
});

test("a failed attempt leaves nothing behind", async () => {
  const storage = new MemoryStorage({ kept: 1 });
  const run = (/** @type {ConnectorContext} */ { storage }) => {
    storage.put("lost", "1");
    storage.delete("kept");
    throw new Error("fault");
  };
  await assert.rejects(running(run, { storage }), { message: "fault" });
  assert.deepEqual(storage.contents(), { kept: 1 });
});
