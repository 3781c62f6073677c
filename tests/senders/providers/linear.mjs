// https://linear.app/developers/webhooks#securing-webhooks: `Linear-Signature`, an HMAC-SHA256 in hex of the body, which says itself
// when it was sent: `webhookTimestamp`, in milliseconds. `Linear-Delivery` is the delivery's id. The SDK only verifies.

import { createHmac } from "node:crypto";

import { LinearWebhookClient } from "@linear/sdk/webhooks";

import { NOW, SECONDS, URL_OF, cases, must, one, sdk } from "../vector.mjs";

const DOCS = "https://linear.app/developers/webhooks#securing-webhooks";
const SECRET = "lin_wh_3xT8wqZb5nKcYvRpMj2dLs9f";
const OTHER = "lin_wh_another0another0another00";
const DELIVERY = "234d1a4e-b617-4388-90fe-adc3633d6b72";

function signed(body, secret, id = DELIVERY) {
  return {
    url: URL_OF("linear"),
    headers: [
      ["content-type", "application/json; charset=utf-8"],
      ["linear-delivery", id],
      ["linear-event", "Issue"],
      ["linear-signature", createHmac("sha256", secret).update(body).digest("hex")],
    ],
    body,
  };
}

/** `body` is an object's text, which is given the time. */
export function sign({ body, secret = SECRET, seconds, id }) {
  return signed(JSON.stringify({ ...JSON.parse(body), webhookTimestamp: seconds * 1000 }), secret, id);
}

function accepts({ request: { headers, body }, secret }) {
  try {
    return new LinearWebhookClient(secret).verify(Buffer.from(body), headers[3][1]);
  } catch (error) {
    must(/webhook (signature|timestamp)$/.test(error.message), error);
    return false;
  }
}

export default async function () {
  const all = await cases({
    sign,
    accepts,
    secret: SECRET,
    other: OTHER,
    timed: true,
    bytes: false,
    id: () => DELIVERY,
    bodies: {
      "an event": JSON.stringify({
        action: "create",
        type: "Issue",
        createdAt: NOW,
        data: { id: "2174add1-f7c8-44e3-bbf3-2d60b5ea8bc9" },
      }),
      "text beyond ASCII": '{"title":"Zoë – 日本語 🚚"}',
      "nothing but the time": "{}",
    },
  });
  const unsaid = { "no time in the body": "{}", "a time that is text": `{"webhookTimestamp":"${SECONDS * 1000}"}` };
  for (const [name, body] of Object.entries(unsaid)) {
    const made = signed(body, SECRET);
    must(!accepts({ request: made, secret: SECRET }), name);
    all.push(one(name, made, "malformed-body"));
  }
  return {
    linear: {
      scheme: "linear",
      verify: { scheme: "linear", secret: "env:LINEAR_WEBHOOK_SECRET" },
      secrets: { LINEAR_WEBHOOK_SECRET: SECRET },
      from: `node:crypto by ${DOCS}, and ${sdk("@linear/sdk")}, LinearWebhookClient.verify, says the same of each case`,
      cases: all,
    },
  };
}
