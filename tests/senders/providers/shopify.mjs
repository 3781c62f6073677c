// https://shopify.dev/docs/apps/build/webhooks/subscribe/https: `X-Shopify-Hmac-Sha256`, an HMAC-SHA256 of the body in base64.
// What repeats has the same `X-Shopify-Event-Id` (https://shopify.dev/docs/apps/build/webhooks/ignore-duplicates), and so has what
// one event sends under other topics.

import { createHmac } from "node:crypto";

import "@shopify/shopify-api/adapters/node";
import { ApiVersion, shopifyApi } from "@shopify/shopify-api";

import { BEYOND_ASCII, URL_OF, cases, sdk } from "../vector.mjs";

const SECRET = "hush";
const EVENT_ID = "98880550-7158-44d4-b7cd-2c97c8a091b5";

export function sign({ body, secret = SECRET, id = EVENT_ID }) {
  return {
    url: URL_OF("shopify"),
    headers: [
      ["content-type", "application/json"],
      ["x-shopify-api-version", "2025-10"],
      ["x-shopify-event-id", id],
      ["x-shopify-hmac-sha256", createHmac("sha256", secret).update(body).digest("base64")],
      ["x-shopify-shop-domain", "engines.myshopify.com"],
      ["x-shopify-topic", "orders/create"],
      ["x-shopify-webhook-id", "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"],
    ],
    body,
  };
}

const shop = (apiSecretKey) =>
  shopifyApi({
    apiKey: "key",
    apiSecretKey,
    apiVersion: Object.values(ApiVersion).at(-1),
    hostName: "hooks.example.com",
    isEmbeddedApp: false,
    logger: { level: 0 },
  });

async function accepts({ request: { url, headers, body }, secret }) {
  const rawRequest = { method: "POST", url: new URL(url).pathname, headers: Object.fromEntries(headers) };
  return (await shop(secret).webhooks.validate({ rawBody: body, rawRequest, rawResponse: {} })).valid;
}

export default async function () {
  return {
    shopify: {
      scheme: "shopify",
      verify: { scheme: "shopify", secret: "env:SHOP_SECRET" },
      secrets: { SHOP_SECRET: SECRET },
      from:
        "node:crypto by https://shopify.dev/docs/apps/build/webhooks/subscribe/https, and " +
        `${sdk("@shopify/shopify-api")}, webhooks.validate, says the same of each case`,
      cases: await cases({
        sign,
        accepts,
        secret: SECRET,
        other: "hash",
        asked: false,
        id: () => `orders/create/${EVENT_ID}`,
        bodies: {
          "an event": JSON.stringify({ id: 820982911946154508n.toString(), total_price: "12.00" }),
          "text beyond ASCII": BEYOND_ASCII,
          "an empty object": "{}",
        },
      }),
    },
  };
}
