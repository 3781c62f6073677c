import assert from "node:assert/strict";
import { test } from "node:test";

import { transform } from "@stepmill/sdk/testing";

import * as plugin from "../src/index.js";

const order = { id: "SO-1", currency: "EUR", lines: [{ sku: "A", quantity: 2, price: 9.5 }] };

test("an order is summed up", async () => {
  /** @type {string[]} */
  const logs = [];
  const { output } = await transform(plugin, { input: order, logs });
  assert.deepEqual(output, { order: "SO-1", currency: "EUR", total: 19, items: 2 });
  assert.deepEqual(logs, ["debug: summed up order=SO-1 lines=1"]);
});

test("the step's currency is for orders that name none", async () => {
  const input = { ...order, currency: undefined };
  const { output } = await transform(plugin, { input, config: { currency: "CHF" } });
  assert.equal(output.currency, "CHF");
  await assert.rejects(transform(plugin, { input }), { code: "no-currency" });
});
