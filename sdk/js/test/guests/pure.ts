/** How a pure step may end, in TypeScript. */

import { defineTransform, Document, Reject, Retry } from "@stepmill/sdk";

import words from "./words.json";

type Input = { end: "value" | "document" | "reject" | "retry" | "fault" | "fetch" };

export const { describe, transform } = defineTransform({
  name: "pure",
  version: "0.1.0",
  summary: "Ends in every way.",
  async run({ end }: Input, config, ctx) {
    ctx.log.info(words.hello, { end });
    await new Promise((resolve) => setTimeout(resolve, 1));
    switch (end) {
      case "value":
        return { z: "ü", a: [19.0, 1.5] };
      case "document":
        return Document.binary(Uint8Array.of(0, 255), "x/y");
      case "reject":
        throw new Reject("no", "never");
      case "retry":
        throw new Retry("busy", { afterMs: 5 });
      case "fault":
        throw new RangeError("oops", { cause: new Error("deep down") });
      case "fetch":
        return (await fetch("http://127.0.0.1:1/")).status;
    }
  },
});
