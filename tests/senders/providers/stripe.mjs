// https://docs.stripe.com/webhooks#verify-manually: `Stripe-Signature: t=SECONDS,v1=HEX[,v1=HEX…]`, an HMAC-SHA256 of
// `SECONDS.BODY`. An endpoint whose secret is being rolled gets a `v1` for each of the two.

import { createHmac } from "node:crypto";

import Stripe from "stripe";

import { BEYOND_ASCII, SECONDS, URL_OF, cases, must, one, sdk } from "../vector.mjs";

const SECRET = "whsec_q4D1cXkGm2Zb7PfYt9SvHn3LwRj6Ea8U";
const OTHER = "whsec_another0another0another0another0";
const stripe = new Stripe("sk_test_none");

const request = (body, header) => ({
  url: URL_OF("stripe"),
  headers: [
    ["content-type", "application/json; charset=utf-8"],
    ["stripe-signature", header],
  ],
  body,
});

/** The SDK signs text alone. */
export function sign({ body, secret = SECRET, seconds }) {
  if (Buffer.isBuffer(body)) {
    const hex = createHmac("sha256", secret).update(`${seconds}.`).update(body).digest("hex");
    return request(body, `t=${seconds},v1=${hex}`);
  }
  return request(body, stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp: seconds }));
}

function accepts({ request: { body, headers }, secret, seconds }) {
  try {
    return stripe.webhooks.signature.verifyHeader(body, headers[1][1], secret, 300, undefined, seconds * 1000);
  } catch (error) {
    must(error instanceof Stripe.errors.StripeSignatureVerificationError, error);
    return false;
  }
}

const ID = "evt_1QdX2fLkdIwHu7ixv0ZqYb3T";
export const event = (id) =>
  JSON.stringify({
    id,
    object: "event",
    type: "invoice.paid",
    data: { object: { id: "in_1QdX2e", amount_paid: 1200, currency: "eur" } },
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

  const header = (secret, scheme = "v1") =>
    stripe.webhooks.generateTestHeaderString({ payload: EVENT, secret, timestamp: SECONDS, scheme });
  const signature = (secret, scheme) => header(secret, scheme).split(",")[1];
  const more = [
    ["a secret that is being rolled: another's v1 first", `${header(OTHER)},${signature(SECRET)}`, "accepted"],
    ["a secret that is being rolled: another's v1 last", `${header(SECRET)},${signature(OTHER)}`, "accepted"],
    ["a v0 beside the v1", `${header(SECRET)},${signature(OTHER, "v0")}`, "accepted"],
    ["no v1 at all", header(SECRET, "v0"), "malformed-header"],
    ["no timestamp", signature(SECRET), "malformed-header"],
  ];
  for (const [name, value, expect] of more) {
    const made = request(EVENT, value);
    must(accepts({ request: made, secret: SECRET, seconds: SECONDS }) === (expect === "accepted"), name);
    all.push(one(name, made, expect, expect === "accepted" ? { id: idOf(made) } : {}));
  }
  return {
    stripe: {
      scheme: "stripe",
      verify: { scheme: "stripe", secret: "env:STRIPE_SECRET" },
      secrets: { STRIPE_SECRET: SECRET },
      from: `${sdk("stripe")}, webhooks.generateTestHeaderString; https://docs.stripe.com/webhooks#verify-manually`,
      cases: all,
    },
  };
}
