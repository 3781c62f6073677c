// Writes what the SDKs of Node.js send, signed now, as JSON to standard output: sends.py is the same for those of Python, and trip.py
// sends it. Argument: what tells these messages from others of the same test.

import { CloudEvent, HTTP } from "cloudevents";

import * as adyen from "./providers/adyen.mjs";
import * as discord from "./providers/discord.mjs";
import * as github from "./providers/github.mjs";
import * as hubspot from "./providers/hubspot.mjs";
import * as linear from "./providers/linear.mjs";
import * as paddle from "./providers/paddle.mjs";
import * as shopify from "./providers/shopify.mjs";
import * as slack from "./providers/slack.mjs";
import * as square from "./providers/square.mjs";
import * as standard from "./providers/standard-webhooks.mjs";
import * as stripe from "./providers/stripe.mjs";
import * as twilio from "./providers/twilio.mjs";
import * as zoom from "./providers/zoom.mjs";
import { BEYOND_ASCII, URL_OF, sdk } from "./vector.mjs";

const [mark] = process.argv.slice(2);
const MESSAGES = 2;

/** What is signed, changed: a space at its end, where a scheme signs bytes. */
const longer = (request) => ({ ...request, body: `${request.body} ` });
const cheaper = (request) => ({ ...request, body: request.body.replace(":1130}", ":1}") });
const order = (id) => JSON.stringify({ order: id, ...JSON.parse(BEYOND_ASCII) });

// The file of vectors of this name has config and secret; `other` is a secret of the same form.
const SENDERS = [
  {
    name: "adyen",
    package: "@adyen/api-library",
    ...adyen,
    other: "00".repeat(32),
    tamper: cheaper,
    dedupe: "${{ body.notificationItems[0].NotificationRequestItem.pspReference }}",
  },
  { name: "discord", package: "discord-interactions", ...discord, other: "07".repeat(32), dedupe: "${{ body.id }}" },
  { name: "github", package: "@octokit/webhooks-methods", ...github, dedupe: "${{ headers['x-github-delivery'] }}" },
  { name: "hubspot", package: "@hubspot/api-client", ...hubspot, dedupe: "${{ body[0].eventId }}" },
  { name: "linear", package: "@linear/sdk", ...linear, dedupe: "${{ headers['linear-delivery'] }}" },
  { name: "paddle", package: "@paddle/paddle-node-sdk", ...paddle, dedupe: "${{ body.event_id }}" },
  { name: "shopify", package: "@shopify/shopify-api", ...shopify, dedupe: "${{ headers['x-shopify-event-id'] }}" },
  { name: "slack", package: "@slack/bolt", ...slack, dedupe: "${{ body.event_id }}" },
  { name: "square", package: "square", ...square, dedupe: "${{ body.event_id }}" },
  {
    name: "standard-webhooks",
    package: "standardwebhooks",
    sign: standard.signStandard,
    other: standard.OTHER,
    dedupe: "${{ headers['webhook-id'] }}",
  },
  { name: "stripe", package: "stripe", ...stripe, dedupe: "${{ body.id }}" },
  {
    name: "svix",
    package: "svix",
    sign: standard.signSvix,
    other: standard.OTHER,
    dedupe: "${{ headers['svix-id'] }}",
  },
  {
    name: "twilio",
    package: "twilio",
    sign: twilio.signBody,
    vectors: "twilio-body",
    dedupe: "${{ headers['i-twilio-idempotency-token'] }}",
  },
  { name: "zoom", package: "@zoom/rivet", ...zoom, dedupe: "${{ body.payload.object.uuid }}" },
];

async function signed({
  name,
  vectors = name,
  package: from,
  sign,
  event = order,
  other = "another secret",
  tamper = longer,
  dedupe,
}) {
  const messages = [];
  for (let number = 1; number <= MESSAGES; number += 1) {
    const id = `${name}-${mark}-${number}`;
    const seconds = Math.floor(Date.now() / 1000);
    const good = await sign({ body: event(id), id, seconds });
    const foreign = await sign({ body: event(id), id, seconds, secret: other });
    messages.push({ good, tampered: tamper(good), foreign });
  }
  return { name, sdk: sdk(from), vectors, webhook: dedupe ? { dedupe } : {}, messages };
}

/** CloudEvents in their three modes. The SDK has no batches: it writes each of the events. */
function cloudEvents() {
  const event = (mode, number) =>
    new CloudEvent({
      id: `${mode}-${mark}-${number}`,
      source: "https://shop.example.com/orders",
      type: "com.example.order.paid",
      subject: "O-1",
      datacontenttype: "application/json",
      data: JSON.parse(order(`O-${number}`)),
      trace: "abc",
    });
  const message = ({ headers, body }, ...events) => ({
    good: {
      url: URL_OF("cloudevents"),
      headers: Object.entries(headers).map(([name, value]) => [name, `${value}`]),
      body,
    },
    payloads: events.map(({ data }) => data),
    attributes: events.map(({ id }) => ({ "ce-id": id, "ce-subject": "O-1", "ce-trace": "abc" })),
  });
  const binary = event("binary", 1);
  const structured = event("structured", 1);
  const batch = [event("batch", 1), event("batch", 2)];
  const batched = { headers: { "content-type": "application/cloudevents-batch+json" }, body: JSON.stringify(batch) };
  const modes = [
    {
      mode: "binary",
      webhook: { dedupe: "${{ headers['ce-id'] }}" },
      messages: [message(HTTP.binary(binary), binary)],
    },
    {
      mode: "structured",
      webhook: { body: { as: "cloudevents" } },
      messages: [message(HTTP.structured(structured), structured)],
    },
    { mode: "batch", webhook: { body: { as: "cloudevents", split: true } }, messages: [message(batched, ...batch)] },
  ];
  const common = { sdk: sdk("cloudevents"), verify: { scheme: "none" } };
  return modes.map(({ mode, ...sender }) => ({ name: `cloudevents-${mode}`, ...common, ...sender }));
}

const all = cloudEvents();
for (const sender of SENDERS) all.push(await signed(sender));
process.stdout.write(`${JSON.stringify(all)}\n`);
