"""Handshakes that come signed: without a good signature they are no question of the provider's, and get no answer."""

from handshake import OVER_LONG, handshake, json_answer, text
from providers.documented import twitch_request, zoom_request
from vector import SECONDS, compact, mac_base64, mac_hex, request


def zoom():
    docs = "https://developers.zoom.us/docs/api/webhooks/#validate-your-webhook-endpoint"
    secret, token = "B3xQzT5uR8eWkV1nY6pLmA", "qgg8vlvZRS6UYooatFL8Aw"

    def asked(token=token):
        return compact(
            {"payload": {"plainToken": token}, "event_ts": SECONDS * 1000, "event": "endpoint.url_validation"}
        )

    def post(body, secret=secret, seconds=SECONDS):
        return zoom_request(body, secret, seconds)

    answer = json_answer({"plainToken": token, "encryptedToken": mac_hex(secret, token)})
    # What it would be answered with is the signature of an event.
    oracle = f'v0:{SECONDS}:{{"event":"meeting.started"}}'
    cases = {
        "a token": (post(asked()), answer),
        "not signed": (request("zoom", [], asked()), "refused"),
        "signed with another secret": (post(asked(), secret="another"), "refused"),
        "signed a day ago": (post(asked(), seconds=SECONDS - 86400), "refused"),
        "a token that is an event": (post(asked(oracle)), "refused"),
        "a token with a colon": (post(asked("v0:1:a")), "refused"),
        "a token that is over-long": (post(asked(OVER_LONG)), "refused"),
        "an empty token": (post(asked("")), "refused"),
        "no token": (post(compact({"event": "endpoint.url_validation", "payload": {}})), "refused"),
        "an event": (post(compact({"event": "meeting.started", "payload": {"plainToken": token}})), "none"),
    }
    verify = {"scheme": "zoom", "secret": "env:ZOOM_SECRET_TOKEN"}
    return handshake({"kind": "zoom"}, docs, cases, verify=verify, secrets={"ZOOM_SECRET_TOKEN": secret})


def twitch():
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
        "signed a day ago": (post(seconds=SECONDS - 86400), "refused"),
        "a challenge that is a page": (post("<script>alert(1)</script>"), "refused"),
        "a challenge that is over-long": (post(OVER_LONG), "refused"),
        "a challenge that is no text": (post(7), "refused"),
        "an event": (post(kind="notification"), "none"),
        "an end of the subscription": (post(kind="revocation"), "none"),
    }
    verify = {"scheme": "twitch", "secret": "env:TWITCH_SECRET"}
    return handshake({"kind": "twitch"}, docs, cases, verify=verify, secrets={"TWITCH_SECRET": secret})


def docusign():
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
    made = {"zoom": zoom(), "twitch": twitch(), "docusign": docusign()}
    return {f"handshakes/{name}": file for name, file in made.items()}
