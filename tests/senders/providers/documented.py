"""Providers without an SDK that signs or verifies: by the rule that their documentation has."""

import base64
import json

from handshake import OVER_LONG, handshake, text
from vector import BEYOND_ASCII, DAY, SECONDS, cases, compact, iso, mac_base64, mac_hex, one, request, scheme

BY_RULE = "hmac of Python by"


def field(name, event):
    """The id that stands in the body, if that is `event`."""
    return lambda made: json.loads(event)[name] if made["body"] == event else None


def bitbucket():
    docs = "https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/"
    uuid = "9b2a3f0e-6f6a-4f0a-8a0d-8a2ad7a0e0b1"

    def sign(body, secret, _seconds=SECONDS):
        signature = f"sha256={mac_hex(secret, body)}"
        headers = [("x-event-key", "repo:push"), ("x-request-uuid", uuid), ("x-hub-signature", signature)]
        return request("bitbucket", headers, body)

    secret = "It's a Secret to Everybody"
    bodies = {
        "an event": compact({"push": {"changes": []}}),
        "text beyond ASCII": BEYOND_ASCII,
        "an empty object": "{}",
    }
    made = cases(sign, bodies, secret, "another secret", id=lambda _: uuid)
    hello = sign("Hello World!", secret)
    published = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
    assert hello["headers"][-1][1] == published
    made.append(one("the published one", hello, id=uuid, **{"from": docs}))
    verify = {"scheme": "bitbucket", "secret": "env:BITBUCKET_SECRET"}
    return scheme(verify, {"BITBUCKET_SECRET": secret}, f"{BY_RULE} {docs}", made)


def gitlab_token():
    docs = "https://docs.gitlab.com/user/project/integrations/webhooks/#delivery-headers"
    key = "f5e5f430-f57b-4e6e-9fac-d9128cd7232f"

    def sign(body, secret, _seconds):
        headers = [("idempotency-key", key), ("x-gitlab-event", "Push Hook"), ("x-gitlab-token", secret)]
        return request("gitlab", headers, body)

    bodies = {
        "an event": compact({"object_kind": "push", "ref": "refs/heads/main"}),
        "text beyond ASCII": BEYOND_ASCII,
        "an empty object": "{}",
    }
    made = cases(sign, bodies, "a token of the project", "another token", id=lambda _: key)
    verify = {"scheme": "gitlab", "secret": "env:GITLAB_TOKEN"}
    return scheme(verify, {"GITLAB_TOKEN": "a token of the project"}, docs, made)


def gitlab_signed():
    docs = "https://gitlab.com/gitlab-org/gitlab/-/merge_requests/230944"
    key = "f5e5f430-f57b-4e6e-9fac-d9128cd7232f"

    def sign(body, secret, seconds):
        raw = base64.b64decode(secret.removeprefix("whsec_"))
        headers = [
            ("idempotency-key", key),
            ("webhook-id", key),
            ("webhook-timestamp", f"{seconds}"),
            ("webhook-signature", f"v1,{mac_base64(raw, f'{key}.{seconds}.', body)}"),
            ("x-gitlab-event", "Push Hook"),
        ]
        return request("gitlab", headers, body)

    bodies = {"an event": compact({"object_kind": "push"}), "text beyond ASCII": BEYOND_ASCII, "an empty object": "{}"}
    secret, other = (f"whsec_{base64.b64encode(bytes([seed] * 32)).decode()}" for seed in (1, 2))
    made = cases(sign, bodies, secret, other, timed=True, id=lambda _: key)
    verify = {"scheme": "gitlab", "signing_token": "env:GITLAB_SIGNING_TOKEN"}
    return scheme(verify, {"GITLAB_SIGNING_TOKEN": secret}, f"{BY_RULE} {docs}", made)


def meta():
    docs = "https://developers.facebook.com/docs/graph-api/webhooks/getting-started#validate-payloads"

    def sign(body, secret, _seconds):
        return request("meta", [("x-hub-signature-256", f"sha256={mac_hex(secret, body)}")], body)

    event = compact({"object": "page", "entry": [{"id": "0", "time": SECONDS, "changes": []}]})
    # Meta escapes what is beyond ASCII, and signs that.
    escaped = '{"object":"page","entry":[{"text":"\\u00e4\\u00f6\\u00e5 \\/ < \\u0040"}]}'
    bodies = {
        "an event": event,
        "text as Meta escapes it": escaped,
        "text beyond ASCII": BEYOND_ASCII,
        "an empty object": "{}",
    }
    verify = {"scheme": "meta", "secret": "env:META_APP_SECRET"}
    secret = "0123456789abcdef0123456789abcdef"
    made = cases(sign, bodies, secret, secret[::-1])
    return scheme(verify, {"META_APP_SECRET": secret}, f"{BY_RULE} {docs}", made)


def zendesk():
    docs = "https://developer.zendesk.com/documentation/webhooks/verifying/"
    invocation = "01GK2P8XRYFS1FCQV1HX5GNC2W"

    def sign(body, secret, seconds):
        time = iso(seconds)
        headers = [
            ("x-zendesk-webhook-id", "01GK2NFSBTXCM2F8WY8H9PZ4XR"),
            ("x-zendesk-webhook-invocation-id", invocation),
            ("x-zendesk-webhook-signature", mac_base64(secret, time, body)),
            ("x-zendesk-webhook-signature-timestamp", time),
        ]
        return request("zendesk", headers, body)

    event = compact({"type": "zen:event-type:ticket.created", "id": "cbe4028c-7239-495d-b020-f22348516046"})
    bodies = {"an event": event, "text beyond ASCII": BEYOND_ASCII, "an empty object": "{}", "an empty body": ""}
    verify = {"scheme": "zendesk", "secret": "env:ZENDESK_SIGNING_SECRET"}
    # The documented secret of test webhooks.
    secret = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="
    made = cases(sign, bodies, secret, "YW5vdGhlciBzZWNyZXQ=", timed=True, id=lambda _: invocation)
    return scheme(verify, {"ZENDESK_SIGNING_SECRET": secret}, f"{BY_RULE} {docs}", made)


def intercom():
    docs = "https://developers.intercom.com/docs/webhooks/webhook-notifications#signed-notifications"

    def sign(body, secret, _seconds):
        return request("intercom", [("x-hub-signature", f"sha1={mac_hex(secret, body, algorithm='sha1')}")], body)

    event = compact(
        {"type": "notification_event", "id": "notif_ccd8a4d0-f965-11e3-a367-c779cae3e1b3", "topic": "company.created"}
    )
    bodies = {"an event": event, "text beyond ASCII": BEYOND_ASCII, "an empty object": "{}"}
    verify = {"scheme": "intercom", "secret": "env:INTERCOM_CLIENT_SECRET"}
    secret = "5b1a1f0e-client-secret"
    made = cases(sign, bodies, secret, "another secret", id=field("id", event))
    return scheme(verify, {"INTERCOM_CLIENT_SECRET": secret}, f"{BY_RULE} {docs}", made)


def twitch_request(body, secret, seconds, kind="notification"):
    message, time = "e76c6bd4-55c9-4987-8304-da1588d8988b", f"{iso(seconds)[:-1]}.634234626Z"
    headers = [
        ("twitch-eventsub-message-id", message),
        ("twitch-eventsub-message-retry", "0"),
        ("twitch-eventsub-message-type", kind),
        ("twitch-eventsub-message-signature", f"sha256={mac_hex(secret, message, time, body)}"),
        ("twitch-eventsub-message-timestamp", time),
        ("twitch-eventsub-subscription-type", "channel.follow"),
    ]
    return request("twitch", headers, body)


def twitch():
    docs = "https://dev.twitch.tv/docs/eventsub/handling-webhook-events/#verifying-the-event-message"
    event = compact({"subscription": {"id": "f1c2a387", "type": "channel.follow"}, "event": {"user_id": "1234"}})
    bodies = {"an event": event, "text beyond ASCII": BEYOND_ASCII, "an empty object": "{}"}
    verify = {"scheme": "twitch", "secret": "env:TWITCH_SECRET"}
    secret = "s3cRe7 of 10 to 100 signs"
    made = cases(
        twitch_request,
        bodies,
        secret,
        "another secret of 10 to 100 signs",
        timed=True,
        id=lambda _: "e76c6bd4-55c9-4987-8304-da1588d8988b",
    )
    return scheme(verify, {"TWITCH_SECRET": secret}, f"{BY_RULE} {docs}", made)


def x():
    docs = "https://docs.x.com/x-api/webhooks/introduction#verifying-the-signature-header"

    def sign(body, secret, _seconds):
        return request("x", [("x-twitter-webhooks-signature", f"sha256={mac_base64(secret, body)}")], body)

    event = compact({"for_user_id": "2244994945", "tweet_create_events": [{"id_str": "1234567890"}]})
    bodies = {"an event": event, "text beyond ASCII": BEYOND_ASCII, "an empty object": "{}"}
    verify = {"scheme": "x", "secret": "env:X_CONSUMER_SECRET"}
    secret = "z6gMUGkAhGTbmkMtQjVBqqSbnAq2UWkGRGJqKFVT0XqDxXUSNh"
    made = cases(sign, bodies, secret, "another secret")
    return scheme(verify, {"X_CONSUMER_SECRET": secret}, f"{BY_RULE} {docs}", made)


def docusign():
    docs = "https://developers.docusign.com/platform/webhooks/connect/hmac/"
    secret, other = "DfV2OXpeSBoUKSq2nAkDRgtmb2k2fnR3LYyAwZbXzBE=", "Fv7RkEbRjHmTnLwYq2n7JkqGYkQq7VfP3mVQj0dE3Nw="

    def sign(body, keys, _seconds=SECONDS):
        signatures = [
            (f"x-docusign-signature-{number}", mac_base64(key, body))
            for number, key in enumerate([keys] if isinstance(keys, str) else keys, start=1)
        ]
        return request("docusign", [("x-authorization-digest", "HMACSHA256"), *signatures], body)

    event = compact({"event": "envelope-completed", "data": {"envelopeId": "b0c6ea3b-3b3e-4f64-9f0b-3e8c3d5c7d3b"}})
    bodies = {"an event": event, "text beyond ASCII": BEYOND_ASCII, "an empty object": "{}"}
    made = cases(sign, bodies, secret, other)
    made.append(one("two keys, ours the second", sign(event, [other, secret])))
    many = [f"another key, {number}" for number in range(99)]
    made.append(one("a hundred keys, ours the last", sign(event, [*many, secret])))
    made.append(one("two keys, and neither is ours", sign(event, [other, many[0]]), "mismatch"))
    verify = {"scheme": "docusign", "secret": "env:DOCUSIGN_HMAC_KEY"}
    return scheme(verify, {"DOCUSIGN_HMAC_KEY": secret}, f"{BY_RULE} {docs}", made)


def mollie():
    docs = "https://docs.mollie.com/reference/webhooks-best-practices"

    def sign(body, secret, _seconds):
        return request("mollie", [("x-mollie-signature", f"sha256={mac_hex(secret, body)}")], body)

    event = compact({"resource": "event", "id": "event_GvJ8WHrp5isUdRub9CJyH", "type": "payment-link.paid"})
    bodies = {"an event": event, "text beyond ASCII": BEYOND_ASCII, "an empty object": "{}"}
    verify = {"scheme": "mollie", "secret": "env:MOLLIE_SIGNING_SECRET"}
    secret = "LWm5zCa4Vb8mRfQs2ydTjUqx7PkE9nHg"
    made = cases(sign, bodies, secret, "another secret", id=field("id", event))
    return scheme(verify, {"MOLLIE_SIGNING_SECRET": secret}, f"{BY_RULE} {docs}", made)


def twitch_handshake():
    docs = "https://dev.twitch.tv/docs/eventsub/handling-webhook-events/#responding-to-a-challenge-request"
    secret, challenge = "s3cRe7 of 10 to 100 signs", "pogchamp-kappa-360noscope-vohiyo"
    kind = "webhook_callback_verification"

    def post(challenge=challenge, secret=secret, seconds=SECONDS, kind=kind):
        body = compact({"challenge": challenge, "subscription": {"id": "f1c2a387", "status": kind}})
        return twitch_request(body, secret, seconds, kind)

    unsigned = post()
    unsigned["headers"] = [header for header in unsigned["headers"] if "signature" not in header[0]]
    cases = {
        "a challenge": (post(), text(challenge)),
        "not signed": (unsigned, "refused"),
        "signed with another secret": (post(secret="another secret"), "refused"),
        "signed a day ago": (post(seconds=SECONDS - DAY), "refused"),
        "a challenge that is a page": (post("<script>alert(1)</script>"), "refused"),
        "a challenge that is over-long": (post(OVER_LONG), "refused"),
        "a challenge that is no text": (post(7), "refused"),
        "an event": (post(kind="notification"), "none"),
        "an end of the subscription": (post(kind="revocation"), "none"),
    }
    verify = {"scheme": "twitch", "secret": "env:TWITCH_SECRET"}
    return handshake({"kind": "twitch"}, docs, cases, verify=verify, secrets={"TWITCH_SECRET": secret})


def docusign_handshake():
    """Connect asks nothing beforehand: it sends an event, and takes a 200 for an answer."""
    docs = "https://developers.docusign.com/platform/webhooks/connect/"
    key = "DfV2OXpeSBoUKSq2nAkDRgtmb2k2fnR3LYyAwZbXzBE="
    event = compact({"event": "connect-test", "data": {"envelopeId": "b0c6ea3b-3b3e-4f64-9f0b-3e8c3d5c7d3b"}})

    def post(key):
        return request("docusign", [("x-docusign-signature-1", mac_base64(key, event))], event)

    cases = {"an event": (post(key), "none")}
    verify = {"scheme": "docusign", "secret": "env:DOCUSIGN_HMAC_KEY"}
    return handshake({"kind": "docusign"}, docs, cases, verify=verify, secrets={"DOCUSIGN_HMAC_KEY": key})


def vectors():
    return {
        "bitbucket": bitbucket(),
        "docusign": docusign(),
        "gitlab": gitlab_token(),
        "gitlab-signing-token": gitlab_signed(),
        "intercom": intercom(),
        "meta": meta(),
        "mollie": mollie(),
        "twitch": twitch(),
        "x": x(),
        "zendesk": zendesk(),
        "handshakes/docusign": docusign_handshake(),
        "handshakes/twitch": twitch_handshake(),
    }
