"""What the SDKs of Python send, signed now: as sends.mjs for those of Node.js."""

import json
import time
from datetime import datetime, timezone

import slack_sdk.signature
import standardwebhooks
import stripe
import svix
import twilio.request_validator
from cloudevents.core.bindings import http
from cloudevents.core.v1.event import CloudEvent

from vector import BEYOND_ASCII, request, sdk, url_of

MESSAGES = 2
ANOTHER_KEY = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def order(mark):
    return json.dumps({"order": mark, **json.loads(BEYOND_ASCII)}, ensure_ascii=False)


def by_standard(webhook, names):
    """Svix and Standard Webhooks are one but for the names of the headers."""

    def sign(body, mark, secret):
        now = datetime.now(timezone.utc).replace(microsecond=0)
        signature = webhook(secret).sign(mark, now, body)
        time = f"{int(now.timestamp())}"
        headers = [(f"{names}-id", mark), (f"{names}-timestamp", time), (f"{names}-signature", signature)]
        return request(names, headers, body)

    return sign


def by_slack(body, mark, secret):
    now = f"{int(time.time())}"
    signature = slack_sdk.signature.SignatureVerifier(secret).generate_signature(timestamp=now, body=body)
    return request("slack", [("x-slack-request-timestamp", now), ("x-slack-signature", signature)], body)


def by_stripe(body, mark, secret):
    header = stripe.WebhookSignature.generate_signature_header(body, secret)
    return request("stripe", [("stripe-signature", header)], body)


def by_twilio(body, mark, secret):
    validator = twilio.request_validator.RequestValidator(secret)
    url = f"{url_of('twilio-python')}?bodySHA256={validator.compute_hash(body)}"
    headers = [("i-twilio-idempotency-token", mark), ("x-twilio-signature", validator.compute_signature(url, {}))]
    return request("twilio", headers, body, url=url)


# Name, package, the file with config and secret, a secret of the same form, how it signs, an event of which body, and its id.
SENDERS = [
    ("slack-python", "slack-sdk", "slack", "another secret", by_slack, lambda mark: json.dumps({"event_id": mark, "type": "event_callback"}), "body.event_id"),
    ("standard-webhooks-python", "standardwebhooks", "standard-webhooks", ANOTHER_KEY, by_standard(standardwebhooks.Webhook, "webhook"), order, "headers['webhook-id']"),
    ("stripe-python", "stripe", "stripe", "another secret", by_stripe, lambda mark: json.dumps({"id": mark, "object": "event"}), "body.id"),
    ("svix-python", "svix", "svix", ANOTHER_KEY, by_standard(svix.Webhook, "svix"), order, "headers['svix-id']"),
    ("twilio-python", "twilio", "twilio", "another secret", by_twilio, order, "headers['i-twilio-idempotency-token']"),
]


def signed(mark, secret_of):
    for name, package, vectors, other, sign, event, dedupe in SENDERS:
        messages = []
        for number in range(1, MESSAGES + 1):
            this = f"{name}-{mark}-{number}"
            body = event(this)
            good, foreign = (sign(body, this, secret) for secret in (secret_of(vectors), other))
            messages.append({"good": good, "tampered": {**good, "body": f"{body} "}, "foreign": foreign})
        yield {"name": name, "sdk": sdk(package), "vectors": vectors, "dedupe": f"${{{{ {dedupe} }}}}", "messages": messages}


def cloud_events(mark):
    def event(number):
        attributes = {
            "id": f"{mark}-{number}",
            "source": "https://shop.example.com/orders",
            "type": "com.example.order.paid",
            "subject": "Zoë, 100 %",
            "datacontenttype": "application/json",
            "trace": "abc",
        }
        return CloudEvent(attributes, json.loads(BEYOND_ASCII))

    def post(message, **headers):
        headers = [(name, value) for name, value in {**message.headers, **headers}.items() if name != "content-type"]
        content_type = message.headers["content-type"]
        return request("cloudevents", headers, message.body.decode(), content_type=content_type)

    sent = {
        "binary": post(http.to_binary_event(event(1))),
        "structured": post(http.to_structured_event(event(2))),
    }
    # The SDK has no batches: it writes each of the events.
    several = ",".join(http.to_structured_event(event(number)).body.decode() for number in (3, 4))
    sent["batch"] = request("cloudevents", [], f"[{several}]", content_type="application/cloudevents-batch+json")
    messages = [{"mode": mode, "good": good} for mode, good in sent.items()]
    return {"name": "cloudevents-python", "sdk": sdk("cloudevents"), "verify": {"scheme": "none"}, "messages": messages}


def sends(mark, secret_of):
    """All senders. `secret_of` gives the secret of a file of vectors."""
    return [cloud_events(mark), *signed(mark, secret_of)]
