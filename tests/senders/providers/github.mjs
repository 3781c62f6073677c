// https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries: `X-Hub-Signature-256: sha256=HEX`, an
// HMAC-SHA256 of the body.

import { createHmac } from "node:crypto";

import { sign as signText, verify } from "@octokit/webhooks-methods";

import { BEYOND_ASCII, URL_OF, cases, must, published, sdk } from "../vector.mjs";

const DOCS = "https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries";
const SECRET = "a secret of the repository";
const DELIVERY = "72d3162e-cc78-11e3-81ab-4c9367dc0958";

/** The SDK signs text alone, and none that is empty. */
export async function sign({ body, secret = SECRET, id = DELIVERY }) {
  const signature =
    typeof body === "string"
      ? await signText(secret, body)
      : `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
  return {
    url: URL_OF("github"),
    headers: [
      ["content-type", "application/json"],
      ["x-github-delivery", id],
      ["x-github-event", "push"],
      ["x-hub-signature-256", signature],
    ],
    body,
  };
}

const accepts = ({ request: { body, headers }, secret }) => verify(secret, body, headers[3][1]);

export default async function () {
  const all = await cases({
    sign,
    accepts,
    secret: SECRET,
    other: "another secret",
    asked: false,
    id: () => DELIVERY,
    bodies: {
      "an event": JSON.stringify({ ref: "refs/heads/main", repository: { full_name: "octocat/hello" } }),
      "text beyond ASCII": BEYOND_ASCII,
      "an empty object": "{}",
    },
  });
  const scheme = (secret, cases, from) => ({
    scheme: "github",
    verify: { scheme: "github", secret: "env:GITHUB_SECRET" },
    secrets: { GITHUB_SECRET: secret },
    from,
    cases,
  });
  const secret = "It's a Secret to Everybody";
  const hello = await sign({ body: "Hello, World!", secret });
  must(
    hello.headers[3][1] === "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    "the published signature",
  );
  return {
    github: scheme(SECRET, all, `${sdk("@octokit/webhooks-methods")}, sign; ${DOCS}`),
    "github-published": scheme(secret, [published("the published one", hello, { from: DOCS, id: DELIVERY })], DOCS),
  };
}
