/** A step whose config and input are of zod. */

import * as z from "zod";

import { defineTransform } from "@stepmill/sdk";

export const { describe, transform } = defineTransform({
  name: "zodded",
  version: "0.1.0",
  summary: "Adds a number.",
  config: z.object({ add: z.number().default(1) }),
  input: z.object({ n: z.number() }),
  run: (input, config) => input.n + config.add,
});
