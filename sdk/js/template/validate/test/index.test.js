import assert from "node:assert/strict";
import { test } from "node:test";

import { validate } from "@stepmill/sdk/testing";

import * as plugin from "../src/index.js";

const line = { sku: "A", quantity: 2, price: 9.5 };

/** @param {unknown} lines @param {unknown} [config] */
async function broken(lines, config) {
  const violations = await validate(plugin, { input: { id: "SO-1", currency: "EUR", lines }, config });
  return violations.map(({ pointer, rule }) => `${pointer} ${rule}`);
}

test("an order with good lines is valid", async () => {
  assert.deepEqual(await broken([line]), []);
});

test("each bad line is reported", async () => {
  const lines = [line, { ...line, sku: "" }, { ...line, quantity: 0 }];
  assert.deepEqual(await broken(lines), ["/lines/1/sku required", "/lines/2/quantity minimum"]);
  assert.deepEqual(await broken(undefined), ["/lines required"]);
});

test("the step says how many lines there may be", async () => {
  assert.deepEqual(await broken([line, line], { max_lines: 1 }), ["/lines max-lines"]);
  assert.deepEqual(await broken([line, line], { max_lines: 2 }), []);
});
