import { defineConnector } from "@stepmill/sdk";
import * as Type from "typebox";

const Line = Type.Object({ sku: Type.String(), quantity: Type.Integer({ minimum: 1 }) });

const Order = Type.Object({ id: Type.String(), lines: Type.Array(Line) });

const Availability = Type.Object({
  order: Type.String(),
  available: Type.Boolean({ description: "Whether there is enough for every line." }),
  missing: Type.Array(Type.String(), { description: "The SKUs of the lines for which there is not." }),
});

export const { describe, connector } = defineConnector({
  name: "my-step",
  version: "0.1.0",
  summary: "Asks the step's system whether an order's lines are in stock.",
  input: Order,
  output: Availability,

  /**
   * @param {import("typebox").Static<typeof Order>} order
   * @returns {import("typebox").Static<typeof Availability>}
   */
  run(order, config, ctx) {
    const missing = order.lines
      .filter((line) => {
        // A 503 or a broken connection is a retry, a 404 a rejection: see `orFail`.
        const stock = ctx.http
          .get("/stock", { query: { sku: line.sku } })
          .orFail()
          .json();
        return stock.available < line.quantity;
      })
      .map((line) => line.sku);
    // What is written commits with the attempt's success: it is there exactly once, however often this is tried.
    ctx.storage.putJson(`seen/${order.id}`, { missing });
    return { order: order.id, available: missing.length === 0, missing };
  },
});
