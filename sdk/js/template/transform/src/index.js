import { defineTransform, Reject } from "@stepmill/sdk";
import * as Type from "typebox";

const Config = Type.Object(
  { currency: Type.Optional(Type.String({ description: "Of orders that name none." })) },
  { additionalProperties: false },
);

const Line = Type.Object({
  sku: Type.String(),
  quantity: Type.Integer({ minimum: 1 }),
  price: Type.Number(),
});

const Order = Type.Object({
  id: Type.String(),
  currency: Type.Optional(Type.String()),
  lines: Type.Array(Line),
});

const Summary = Type.Object({
  order: Type.String(),
  currency: Type.String(),
  total: Type.Number({ description: "Rounded to cents." }),
  items: Type.Integer({ description: "Pieces of all lines." }),
});

export const { describe, transform } = defineTransform({
  name: "my-step",
  version: "0.1.0",
  summary: "Sums up an order.",
  config: Config,
  input: Order,
  output: Summary,

  /**
   * @param {import("typebox").Static<typeof Order>} order
   * @param {import("typebox").Static<typeof Config>} config
   * @returns {import("typebox").Static<typeof Summary>}
   */
  run(order, config, ctx) {
    const currency = order.currency ?? config.currency;
    if (!currency)
      throw new Reject("no-currency", `order ${order.id} names no currency, and neither does the step`);
    const total = order.lines.reduce((sum, line) => sum + line.quantity * line.price, 0);
    const items = order.lines.reduce((sum, line) => sum + line.quantity, 0);
    ctx.log.debug("summed up", { order: order.id, lines: order.lines.length });
    return { order: order.id, currency, total: Math.round(total * 100) / 100, items };
  },
});
