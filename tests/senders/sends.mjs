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

// The file of vectors of this name has config and secret; `other` is a secret of the same form. `webhook` is what the config has
// besides: for those whose documentation names no id of a delivery, what is one here.
const SENDERS = [
  {
    name: "adyen",
    package: "@adyen/api-library",
    ...adyen,
    other: "00".repeat(32),
    tamper: cheaper,
    webhook: { dedupe: "${{ body.notificationItems[0].NotificationRequestItem.pspReference }}" },
  },
  { name: "discord", package: "discord-interactions", ...discord, other: "07".repeat(32) },
  { name: "github", package: "@octokit/webhooks-methods", ...github },
  { name: "hubspot", package: "@hubspot/api-client", ...hubspot, webhook: { dedupe: "${{ body[0].eventId }}" } },
  { name: "linear", package: "@linear/sdk", ...linear },
  { name: "paddle", package: "@paddle/paddle-node-sdk", ...paddle },
  { name: "shopify", package: "@shopify/shopify-api", ...shopify },
  { name: "slack", package: "@slack/bolt", ...slack },
  { name: "square", package: "square", ...square },
  { name: "standard-webhooks", package: "standardwebhooks", sign: standard.signStandard, other: standard.OTHER },
  { name: "stripe", package: "stripe", ...stripe },
  { name: "svix", package: "svix", sign: standard.signSvix, other: standard.OTHER },
  {
    name: "twilio",
    package: "twilio",
    sign: twilio.signForm,
    event: (id) => new URLSearchParams({ MessageSid: id, From: "+14158675309", Body: "Zoë – 日本語 🚚" }).toString(),
    payload: ({ body }) => Object.fromEntries(new URLSearchParams(body)),
    tamper: (request) => ({ ...request, body: `${request.body}&To=1` }),
    webhook: { body: { as: "form" } },
  },
  { name: "twilio-body", package: "twilio", sign: (of) => twilio.signBody({ ...of, to: URL_OF("twilio-body") }) },
  { name: "zoom", package: "@zoom/rivet", ...zoom, webhook: { dedupe: "${{ body.payload.object.uuid }}" } },
];

async function signed(sender) {
  const { name, sign, event = order, payload = ({ body }) => JSON.parse(body) } = sender;
  const { other = "another secret", tamper = longer, webhook = {} } = sender;
  const messages = [];
  for (let number = 1; number <= MESSAGES; number += 1) {
    const id = `${name}-${mark}-${number}`;
    const seconds = Math.floor(Date.now() / 1000);
    const good = await sign({ body: event(id), id, seconds });
    const foreign = await sign({ body: event(id), id, seconds, secret: other });
    messages.push({ good, tampered: tamper(good), foreign, payloads: [payload(good)] });
  }
  return { name, sdk: sdk(sender.package), vectors: name, webhook, messages };
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
      webhook: {},
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
