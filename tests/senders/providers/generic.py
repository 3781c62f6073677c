"""The schemes that are no provider's: an HMAC as the operator says, a token, user and password, an API key."""

import base64

from vector import (
    BEYOND_ASCII,
    LATIN1,
    cases,
    compact,
    iso,
    mac,
    mac_hex,
    one,
    request,
    scheme,
    sha256,
    url_of,
)

EVENT = compact({"order": "O-1", "total": "12.00"})
BODIES = {"an event": EVENT, "text beyond ASCII": BEYOND_ASCII, "an empty object": "{}", "an empty body": ""}
RFC_2104 = "hmac of Python by https://www.rfc-editor.org/rfc/rfc2104"
RFC_6750 = "https://www.rfc-editor.org/rfc/rfc6750#section-2.1"
RFC_7617 = "https://www.rfc-editor.org/rfc/rfc7617#section-2"

ENCODINGS = {
    "hex": bytes.hex,
    "base64": lambda digest: base64.b64encode(digest).decode(),
    "base64url": lambda digest: base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
}


def hmac_of(algorithm, encoding, prefix=""):
    def sign(body, secret, _seconds):
        digest = mac(secret, body, algorithm=algorithm).digest()
        return request("hmac", [("x-signature", f"{prefix}{ENCODINGS[encoding](digest)}")], body)

    verify = {"scheme": "hmac", "header": "x-signature", "secret": "env:HMAC_SECRET"}
    verify |= {"algorithm": algorithm, "encoding": encoding} | ({"prefix": prefix} if prefix else {})
    made = cases(sign, BODIES, "a shared secret", "another secret")
    return scheme(verify, {"HMAC_SECRET": "a shared secret"}, RFC_2104, made)


def hmac_signed(signed, unit, parts, *, url=None):
    """One that signs more than the body: `parts(body, time)` are what `signed` names."""
    units = {"s": lambda seconds: f"{seconds}", "ms": lambda seconds: f"{seconds * 1000}", "rfc3339": iso}

    def sign(body, secret, seconds):
        time = units[unit](seconds)
        headers = [("x-id", "e-1"), ("x-time", time), ("x-signature", mac_hex(secret, *parts(body, time)))]
        return request("hmac", headers, body, url=url)

    verify = {"scheme": "hmac", "header": "x-signature", "secret": "env:HMAC_SECRET", "signed": signed, "id": "x-id"}
    verify["timestamp"] = {"header": "x-time", "unit": unit}
    made = cases(sign, BODIES, "a shared secret", "another secret", timed=True, id=lambda _: "e-1")
    return scheme(verify, {"HMAC_SECRET": "a shared secret"}, RFC_2104, made)


def hmacs_signed():
    url = f"{url_of('hmac')}/a%2fb?c=d&c=%20e"
    return {
        "hmac-id": hmac_signed("{id}.{timestamp}.{body}", "s", lambda body, time: ["e-1.", time, ".", body]),
        "hmac-url": hmac_signed("{timestamp}{url}{body}", "ms", lambda body, time: [time, url, body], url=url),
        "hmac-digest": hmac_signed(
            "v1:{method}:{path}:{timestamp}:{body_sha256}",
            "rfc3339",
            lambda body, time: [f"v1:POST:/hmac/a%2fb:{time}:{sha256(body)}"],
            url=url,
        ),
    }


def token(name, verify, secrets, source, good, bad):
    """A scheme that signs nothing. `good` and `bad` are name → (headers, query, refusal)."""

    def made_of(headers, query="", body=EVENT):
        return request(name, headers, body, url=url_of(name) + query)

    made = [one(title, made_of(*given)) for title, given in good.items()]
    made.append(one("bytes that are not UTF-8", made_of(*next(iter(good.values())), body=LATIN1)))
    made += [one(title, made_of(*given[:-1]), given[-1]) for title, given in bad.items()]
    return scheme(verify, secrets, source, made)


def bearer():
    def credentials(value):
        return [("authorization", value)]

    return token(
        "bearer",
        {"scheme": "bearer", "secret": "env:BEARER_TOKEN"},
        {"BEARER_TOKEN": "mF_9.B5f-4.1JqM"},
        RFC_6750,
        {
            "the token of the RFC": (credentials("Bearer mF_9.B5f-4.1JqM"),),
            "the scheme in small letters": (credentials("bearer mF_9.B5f-4.1JqM"),),
        },
        {
            "another token": (credentials("Bearer mF_9.B5f-4.1JqN"), "mismatch"),
            "the token and more": (credentials("Bearer mF_9.B5f-4.1JqM0"), "mismatch"),
            "the beginning of the token": (credentials("Bearer mF_9.B5f-4.1Jq"), "mismatch"),
            "no token": (credentials("Bearer "), "refused"),
            "another scheme": (credentials("Basic bUZfOS5CNWYtNC4xSnFNOg=="), "refused"),
            "no header": ([], "missing-header"),
        },
    )


def basic():
    def credentials(text):
        return [("authorization", f"Basic {base64.b64encode(text.encode()).decode()}")]

    return token(
        "basic",
        {"scheme": "basic", "user": "Aladdin", "password": "env:BASIC_PASSWORD"},
        {"BASIC_PASSWORD": "open sesame"},
        RFC_7617,
        {"the credentials of the RFC": ([("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")],)},
        {
            "another password": (credentials("Aladdin:close sesame"), "mismatch"),
            "another user": (credentials("Alibaba:open sesame"), "mismatch"),
            "no password": (credentials("Aladdin:"), "mismatch"),
            "no colon": (credentials("Aladdin"), "refused"),
            "no base64": ([("authorization", "Basic ****")], "malformed-header"),
            "another scheme": ([("authorization", "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==")], "refused"),
            "no header": ([], "missing-header"),
        },
    )


def api_key(place):
    secrets = {"API_KEY": "k-7f3a9b/+="}
    if place == "header":
        verify = {"scheme": "api-key", "header": "x-api-key", "secret": "env:API_KEY"}
        good = {"the key": ([("x-api-key", "k-7f3a9b/+=")],)}
        bad = {
            "another key": ([("x-api-key", "k-7f3a9c/+=")], "mismatch"),
            "an empty key": ([("x-api-key", "")], "refused"),
            "the key in the query": ([], "?x-api-key=k-7f3a9b%2F%2B%3D", "missing-header"),
            "no key": ([], "missing-header"),
        }
    else:
        verify = {"scheme": "api-key", "query": "key", "secret": "env:API_KEY"}
        good = {
            "the key": ([], "?key=k-7f3a9b%2F%2B%3D"),
            "the key among others": ([], "?a=1&key=k-7f3a9b/%2B%3D&b=2"),
        }
        bad = {
            "another key": ([], "?key=k-7f3a9c%2F%2B%3D", "mismatch"),
            "two keys": ([], "?key=k-7f3a9b%2F%2B%3D&key=another", "repeated-parameter"),
            "an empty key": ([], "?key=", "refused"),
            "the key in a header": ([("key", "k-7f3a9b/+=")], "missing-parameter"),
            "no key": ([], "missing-parameter"),
        }
    return token("api-key", verify, secrets, "our own rule", good, bad)


def vectors():
    made = {
        f"hmac-{algorithm}-{encoding}": hmac_of(algorithm, encoding)
        for algorithm in ("sha1", "sha256", "sha512")
        for encoding in ENCODINGS
    }
    return {
        **made,
        **hmacs_signed(),
        "hmac-prefix": hmac_of("sha256", "hex", prefix="v1="),
        "bearer": bearer(),
        "basic": basic(),
        "api-key-header": api_key("header"),
        "api-key-query": api_key("query"),
    }
