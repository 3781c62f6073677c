"""What the SDKs of Python send, signed now: as sends.mjs for those of Node.js."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import slack_sdk.signature
import standardwebhooks
import stripe
import svix
import twilio.request_validator
from cloudevents.core.bindings import http
from cloudevents.core.v1.event import CloudEvent
from vector import BEYOND_ASCII, request, sdk, url_of

MESSAGES = 2


def order(mark):
    return json.dumps({"order": mark, **json.loads(BEYOND_ASCII)}, ensure_ascii=False)


def by_standard(webhook, names):
    """Svix and Standard Webhooks are one but for the names of the headers."""

    def sign(body, mark, secret):
        now = datetime.now(UTC).replace(microsecond=0)
        signature = webhook(secret).sign(mark, now, body)
        seconds = f"{int(now.timestamp())}"
        headers = [(f"{names}-id", mark), (f"{names}-timestamp", seconds), (f"{names}-signature", signature)]
        return request(names, headers, body)

    return sign


def by_slack(body, _mark, secret):
    now = f"{int(time.time())}"
    signature = slack_sdk.signature.SignatureVerifier(secret).generate_signature(timestamp=now, body=body)
    return request("slack", [("x-slack-request-timestamp", now), ("x-slack-signature", signature)], body)


def by_stripe(body, _mark, secret):
    header = stripe.WebhookSignature.generate_signature_header(body, secret)
    return request("stripe", [("stripe-signature", header)], body)


def by_twilio(body, mark, secret):
    validator = twilio.request_validator.RequestValidator(secret)
    url = f"{url_of('twilio-python')}?bodySHA256={validator.compute_hash(body)}"
    headers = [("i-twilio-idempotency-token", mark), ("x-twilio-signature", validator.compute_signature(url, {}))]
    return request("twilio", headers, body, url=url)


@dataclass
class Sender:
    """`vectors` is the file that has config and secret, `other` a secret of the same form, and `event` makes a body."""

    name: str
    package: str
    vectors: str
    sign: Callable
    event: Callable = order
    other: str = "another secret"


KEY = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
SENDERS = [
    Sender(
        "slack-python",
        "slack-sdk",
        "slack",
        by_slack,
        lambda mark: json.dumps({"event_id": mark, "type": "event_callback"}),
    ),
    Sender(
        "standard-webhooks-python",
        "standardwebhooks",
        "standard-webhooks",
        by_standard(standardwebhooks.Webhook, "webhook"),
        other=KEY,
    ),
    Sender(
        "stripe-python",
        "stripe",
        "stripe",
        by_stripe,
        lambda mark: json.dumps({"id": mark, "object": "event"}),
    ),
    Sender(
        "svix-python",
        "svix",
        "svix",
        by_standard(svix.Webhook, "svix"),
        other=KEY,
    ),
    Sender("twilio-python", "twilio", "twilio", by_twilio),
]


def signed(sender, mark, secret):
    messages = []
    for number in range(1, MESSAGES + 1):
        this = f"{sender.name}-{mark}-{number}"
        body = sender.event(this)
        good, foreign = (sender.sign(body, this, key) for key in (secret, sender.other))
        messages.append(
            {"good": good, "tampered": {**good, "body": f"{body} "}, "foreign": foreign, "payloads": [json.loads(body)]}
        )
    package = sdk(sender.package)
    return {
        "name": sender.name,
        "sdk": package,
        "vectors": sender.vectors,
        "webhook": {},
        "messages": messages,
    }


def cloud_events(mark):
    """CloudEvents in their three modes. The SDK has no batches: it writes each of the events."""

    def event(mode, number):
        attributes = {
            "id": f"{mode}-python-{mark}-{number}",
            "source": "https://shop.example.com/orders",
            "type": "com.example.order.paid",
            "subject": "Zoë, 100 %",
            "datacontenttype": "application/json",
            "trace": "abc",
        }
        return CloudEvent(attributes, json.loads(order(f"O-{number}")))

    def sender(mode, webhook, written, *events):
        headers = [(name, value) for name, value in written.headers.items() if name != "content-type"]
        content_type = written.headers["content-type"]
        message = {
            "good": request("cloudevents", headers, written.body.decode(), content_type=content_type),
            "payloads": [event.get_data() for event in events],
            "attributes": [
                {"ce-id": event.get_id(), "ce-subject": "Zoë, 100 %", "ce-trace": "abc"} for event in events
            ],
        }
        return {
            "name": f"cloudevents-{mode}-python",
            "sdk": sdk("cloudevents"),
            "verify": {"scheme": "none"},
            "webhook": webhook,
            "messages": [message],
        }

    binary, structured = event("binary", 1), event("structured", 1)
    batch = [event("batch", 1), event("batch", 2)]
    written = b",".join(http.to_structured_event(each).body for each in batch)
    batched = http.HTTPMessage({"content-type": "application/cloudevents-batch+json"}, b"[" + written + b"]")
    as_events = {"as": "cloudevents"}
    return [
        sender("binary", {}, http.to_binary_event(binary), binary),
        sender("structured", {"body": as_events}, http.to_structured_event(structured), structured),
        sender("batch", {"body": {**as_events, "split": True}}, batched, *batch),
    ]


def sends(mark, secret_of):
    """All senders. `secret_of` gives the secret of a file of vectors."""
    return [*cloud_events(mark), *(signed(sender, mark, secret_of(sender.vectors)) for sender in SENDERS)]
