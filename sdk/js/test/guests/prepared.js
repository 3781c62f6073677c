/** A step that is made ready, and what it then must do without. */

import { defineTransform, Reject } from "@stepmill/sdk";

export const { describe, transform, prepare } = defineTransform({
  name: "prepared",
  version: "0.1.0",
  summary: "Is made ready.",
  config: { type: "object" },
  prepare(config) {
    if (!config.word) throw new Reject("word", "there is no word");
    return { word: config.word, times: 0 };
  },
  run(input, ready, ctx) {
    ready.times += 1;
    if (input === "time") return Date.now();
    if (input === "chance") return Math.random();
    return [ready.word, ready.times, ctx.acceptedAt, new Date(0)];
  },
});
