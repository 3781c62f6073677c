// https://developer.paddle.com/webhooks/signature-verification: `Paddle-Signature: ts=SECONDS;h1=HEX[;h1=HEX…]`, an HMAC-SHA256 of
// `SECONDS:BODY`. The SDK only verifies, and knows one `h1`.

import { createHmac } from "node:crypto";

import { Environment, Paddle } from "@paddle/paddle-node-sdk";

import { BEYOND_ASCII, SECONDS, URL_OF, cases, one, sdk } from "../vector.mjs";

const DOCS = "https://developer.paddle.com/webhooks/signature-verification";
const SECRET = "pdl_ntfset_01gkpop12sydqcw9smjjbh2rhz_T8aKtyNWzjPFrz8MlgcmzXdZjKcLvI6M";
const OTHER = "pdl_ntfset_01another0another0another00_another0another0another0another0";

const hexOf = ({ body, secret, seconds }) =>
  createHmac("sha256", secret).update(`${seconds}:`).update(body).digest("hex");
const request = (body, signature) => ({
  url: URL_OF("paddle"),
  headers: [
    ["content-type", "application/json"],
    ["paddle-signature", signature],
  ],
  body,
});

export const sign = ({ body, secret = SECRET, seconds }) =>
  request(body, `ts=${seconds};h1=${hexOf({ body, secret, seconds })}`);

const paddle = new Paddle("pdl_sdbx_apikey_none", { environment: Environment.sandbox });
const accepts = ({ request: { headers, body }, secret }) =>
  paddle.webhooks.isSignatureValid(body, secret, headers[1][1]);

const ID = "evt_01hv8x29kz0t586xy6zn1a62ny";
export const event = (id) =>
  JSON.stringify({
    event_id: id,
    event_type: "transaction.completed",
    occurred_at: "2026-01-02T03:04:04.621022Z",
    notification_id: "ntf_01hv8x2axx9prq2sv6vjw4tc3w",
    data: { id: "txn_01hv8wptq8987qeep44cyrewp9", status: "completed" },
  });
const EVENT = event(ID);

export default async function () {
  const idOf = ({ body }) => (body === EVENT ? ID : undefined);
  const all = await cases({
    sign,
    accepts,
    secret: SECRET,
    other: OTHER,
    timed: true,
    asked: false,
    id: idOf,
    bodies: { "an event": EVENT, "text beyond ASCII": BEYOND_ASCII, "an empty object": "{}" },
  });
  const [own, others] = [SECRET, OTHER].map((secret) => hexOf({ body: EVENT, secret, seconds: SECONDS }));
  for (const [name, hexes] of Object.entries({
    "another's h1 first": [others, own],
    "another's h1 last": [own, others],
  })) {
    const signature = [`ts=${SECONDS}`, ...hexes.map((hex) => `h1=${hex}`)].join(";");
    all.push(
      one(`a secret that is being rotated: ${name}`, request(EVENT, signature), "accepted", {
        id: idOf({ body: EVENT }),
      }),
    );
  }
  return {
    paddle: {
      scheme: "paddle",
      verify: { scheme: "paddle", secret: "env:PADDLE_SECRET_KEY" },
      secrets: { PADDLE_SECRET_KEY: SECRET },
      from: `node:crypto by ${DOCS}, and ${sdk("@paddle/paddle-node-sdk")}, webhooks.isSignatureValid, says the same of each case with one h1`,
      cases: all,
    },
  };
}
