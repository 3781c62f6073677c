import assert from "node:assert/strict";
import { test } from "node:test";

import { connect, FakeHttp, MemoryStorage } from "@stepmill/sdk/testing";

import * as plugin from "../src/index.js";

const input = { id: "SO-1", currency: "EUR", lines: [{ sku: "A", quantity: 2, price: 9.5 }] };

test("an order is available if there is enough for every line", async () => {
  const http = new FakeHttp().replyJson("GET", "/stock?sku=A", 200, { available: 2 });
  const storage = new MemoryStorage();
  const { output } = await connect(plugin, { input, http, storage });
  assert.deepEqual(output, { order: "SO-1", available: true, missing: [] });
  assert.deepEqual(storage.contents(), { "seen/SO-1": { missing: [] } });
});

test("what there is not enough of is named", async () => {
  const http = new FakeHttp().replyJson("GET", "/stock?sku=A", 200, { available: 1 });
  const { output } = await connect(plugin, { input, http });
  assert.deepEqual(output, { order: "SO-1", available: false, missing: ["A"] });
});

test("a system that is busy is asked again later, and nothing is remembered", async () => {
  const http = new FakeHttp().reply("GET", "/stock?sku=A", 503, "", { "retry-after": "3" });
  const storage = new MemoryStorage();
  await assert.rejects(connect(plugin, { input, http, storage }), { name: "Retry", afterMs: 3000 });
  assert.deepEqual(storage.contents(), {});
});
