// https://developer.squareup.com/docs/webhooks/step3validate: `x-square-hmacsha256-signature`, an HMAC-SHA256 in base64 of the
// URL and then the body. The SDK only verifies.

import { createHmac } from "node:crypto";
import { createRequire } from "node:module";

import { BEYOND_ASCII, URL_OF, cases, sdk } from "../vector.mjs";

const { WebhooksHelper } = createRequire(import.meta.url)("square");

const DOCS = "https://developer.squareup.com/docs/webhooks/step3validate";
const KEY = "fn4pP6pT4YvdKJfGUWwJ4Q";

export function sign({ body, secret = KEY, url = URL_OF("square") }) {
  return {
    url,
    headers: [
      ["content-type", "application/json"],
      ["square-environment", "Production"],
      ["x-square-hmacsha256-signature", createHmac("sha256", secret).update(url).update(body).digest("base64")],
    ],
    body,
  };
}

const accepts = ({ request: { url, headers, body }, secret }) =>
  WebhooksHelper.verifySignature({
    requestBody: body,
    signatureHeader: headers[2][1],
    signatureKey: secret,
    notificationUrl: url,
  });

const ID = "ac3ac95b-f97d-458c-a6e6-18981597e05f";
export const event = (id) =>
  JSON.stringify({
    merchant_id: "MLEFBHHSJGVHD",
    type: "payment.updated",
    event_id: id,
    created_at: "2026-01-02T03:04:05.037339943Z",
    data: { type: "payment", id: "hYy9pRFVxpDsO1FB05SunFWUe9JZY" },
  });
const EVENT = event(ID);

export default async function () {
  return {
    square: {
      scheme: "square",
      verify: { scheme: "square", secret: "env:SQUARE_SIGNATURE_KEY" },
      secrets: { SQUARE_SIGNATURE_KEY: KEY },
      from: `node:crypto by ${DOCS}, and ${sdk("square")}, WebhooksHelper.verifySignature, says the same of each case`,
      cases: await cases({
        sign,
        accepts,
        secret: KEY,
        other: "another0another0another",
        asked: false,
        id: ({ body }) => (body === EVENT ? ID : undefined),
        bodies: { "an event": EVENT, "text beyond ASCII": BEYOND_ASCII, "an empty object": "{}", "an empty body": "" },
      }),
    },
  };
}
