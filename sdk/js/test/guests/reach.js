/** What a connector may do, through the host's real bindings. */

import { defineConnector, HttpError, StorageError } from "@stepmill/sdk";

export const { describe, connector } = defineConnector({
  name: "reach",
  version: "0.1.0",
  summary: "Reaches out in every way.",
  async run(input, config, ctx) {
    if (input.give) return ctx.http.get("/busy").orFail();
    const fetched = await fetch(input.url, { method: "POST", body: "ä" });
    const entry = ctx.storage.entry("a/old");
    return {
      fetched: [fetched.status, await fetched.text()],
      sent: ctx.http.put("/x", { json: { n: 1 }, query: { q: "ä" } }).json(),
      denied: kindOf(() => ctx.http.get("https://far.test/"), HttpError),
      put: [
        ctx.storage.put("a/new", "1", { ifAbsent: true }),
        ctx.storage.put("a/new", "2", { ifAbsent: true }),
      ],
      swapped: ctx.storage.putJson("a/old", { n: 2 }, { ifVersion: entry?.version ?? 0n, ttlMs: 1000 }),
      count: ctx.storage.add("a/n", -2),
      gone: ctx.storage.delete("a/gone"),
      keys: [...ctx.storage.keys("a/")],
      wrong: kindOf(() => ctx.storage.get("a/n"), StorageError),
    };
  },
});

/**
 * @param {() => unknown} call
 * @param {typeof HttpError | typeof StorageError} expected
 */
function kindOf(call, expected) {
  try {
    call();
  } catch (error) {
    return error instanceof expected ? error.kind : String(error);
  }
  return "no error";
}
