import { defineValidate, violation } from "@stepmill/sdk";
import * as Type from "typebox";

const Config = Type.Object(
  { max_lines: Type.Optional(Type.Integer({ minimum: 1, description: "Lines that an order may have." })) },
  { additionalProperties: false },
);

export const { describe, validate } = defineValidate({
  name: "my-step",
  version: "0.1.0",
  summary: "Checks the lines of an order.",
  config: Config,

  /**
   * @param {any} order - not of a type yet: that is what is checked
   * @param {import("typebox").Static<typeof Config>} config
   */
  *run(order, config) {
    const lines = order?.lines;
    if (!Array.isArray(lines)) {
      yield violation("/lines", "required", "the order has no list of lines");
      return;
    }
    if (config.max_lines !== undefined && lines.length > config.max_lines) {
      yield violation("/lines", "max-lines", `${lines.length} lines are more than ${config.max_lines}`);
    }
    for (const [index, line] of lines.entries()) {
      if (!line?.sku) yield violation(["lines", index, "sku"], "required", "the line has no sku");
      if (!Number.isInteger(line?.quantity) || line.quantity < 1) {
        yield violation(["lines", index, "quantity"], "minimum", "the quantity must be 1 at least");
      }
    }
  },
});
