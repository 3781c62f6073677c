// https://discord.com/developers/docs/interactions/overview#setting-up-an-endpoint-validating-security-request-headers: an
// Ed25519 signature in hex of the timestamp and then the body. The SDK only verifies.

import { createPrivateKey, createPublicKey, sign as ed25519 } from "node:crypto";

import { verifyKey } from "discord-interactions";

import { BEYOND_ASCII, URL_OF, cases, sdk } from "../vector.mjs";

const DOCS =
  "https://discord.com/developers/docs/interactions/overview#setting-up-an-endpoint-validating-security-request-headers";
// RFC 8032, section 7.1, test 2.
const SEED = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
const OTHER = "07".repeat(32);

const keyOf = (seed) =>
  createPrivateKey({
    key: Buffer.from(`302e020100300506032b657004220420${seed}`, "hex"),
    format: "der",
    type: "pkcs8",
  });
const publicOf = (seed) =>
  createPublicKey(keyOf(seed)).export({ format: "der", type: "spki" }).subarray(-32).toString("hex");

export function sign({ body, secret = SEED, seconds }) {
  const signed = Buffer.concat([Buffer.from(`${seconds}`), Buffer.from(body)]);
  return {
    url: URL_OF("discord"),
    headers: [
      ["content-type", "application/json"],
      ["x-signature-ed25519", ed25519(null, signed, keyOf(secret)).toString("hex")],
      ["x-signature-timestamp", `${seconds}`],
    ],
    body,
  };
}

const ID = "786008729715212338";
export const event = (id) => JSON.stringify({ id, type: 2, token: "a token", data: { name: "parcel" } });
const EVENT = event(ID);

export default async function () {
  return {
    discord: {
      scheme: "discord",
      verify: { scheme: "discord", public_key: "env:DISCORD_PUBLIC_KEY" },
      secrets: { DISCORD_PUBLIC_KEY: publicOf(SEED) },
      from: `node:crypto by ${DOCS}, and ${sdk("discord-interactions")}, verifyKey, says the same of each case`,
      cases: await cases({
        sign,
        secret: SEED,
        other: OTHER,
        id: ({ body }) => (body === EVENT ? ID : undefined),
        accepts: ({ request: { headers, body } }) => verifyKey(body, headers[1][1], headers[2][1], publicOf(SEED)),
        bodies: { "a command": EVENT, "text beyond ASCII": BEYOND_ASCII, "an empty object": "{}" },
      }),
    },
  };
}
