"""JSON Web Tokens (RFC 7519) as `Authorization: Bearer`, under keys of a JSON Web Key Set (RFC 7517) or a shared secret.
PyJWT signs, and says the same of each case."""

import base64
import json
from datetime import UTC, datetime
from unittest import mock

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from vector import LATIN1, SECONDS, compact, mac, one, pem, request, scheme, sdk

JWKS = "https://login.example.com/.well-known/jwks.json"
ISSUER, AUDIENCE = "https://login.example.com/", "https://hooks.example.com"
SECRET = "a shared secret of at least 32 bytes."
ID = "0e6d7a3c-4f0a-4f5b-9b57-6d3f1f4f5d11"
CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "sub": "shop", "iat": SECONDS, "exp": SECONDS + 300, "jti": ID}
EVENT = compact({"order": "O-1"})


def private(name):
    return serialization.load_pem_private_key(pem(name), None)


def edwards(seed):
    return ed25519.Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32))


class Deterministic(ECAlgorithm):
    """ES256 by RFC 6979: the same signature each time."""

    def sign(self, msg, key):
        signature = key.sign(msg, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        return b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(signature))


signer = jwt.PyJWS()
signer.unregister_algorithm("ES256")
signer.register_algorithm("ES256", Deterministic(ECAlgorithm.SHA256))

SIGNS = {"rsa-1": ("RS256", private("rsa")), "ec-1": ("ES256", private("p256")), "ed-1": ("EdDSA", edwards(3))}
WRITES = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}


def key_set():
    keys = []
    for kid, (algorithm, key) in SIGNS.items():
        public = WRITES[algorithm].to_jwk(key.public_key(), as_dict=True)
        public.pop("key_ops", None)
        keys.append({**public, "kid": kid, "alg": algorithm, "use": "sig"})
    return json.dumps({"keys": keys})


def token(claims=CLAIMS, kid="rsa-1", key=None, algorithm=None, header_kid=...):
    known, own = SIGNS.get(kid, (None, None))
    said = kid if header_kid is ... else header_kid
    headers = {"typ": "JWT"} if said is None else {"typ": "JWT", "kid": said}
    return signer.encode(compact(claims).encode(), key or own, algorithm or known, headers)


class Clock(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.fromtimestamp(SECONDS, tz or UTC)


def accepts(made, keys):
    """What PyJWT says, with `keys` as an operator has them: a set, or a secret."""
    [credentials] = [value for name, value in made["headers"] if name == "authorization"]
    written = credentials.removeprefix("Bearer ")
    with mock.patch("jwt.api_jwt.datetime", Clock):
        try:
            if isinstance(keys, str):
                algorithms, key = ["HS256"], keys
            else:
                algorithms, key = list(WRITES), keys[jwt.get_unverified_header(written)["kid"]]
            jwt.decode(written, key, algorithms, audience=AUDIENCE, issuer=ISSUER, leeway=60)
        except (jwt.InvalidTokenError, KeyError):
            return False
    return True


def bearer(written, body=EVENT):
    return request("jwt", [("authorization", f"Bearer {written}")], body)


def changed(**claims):
    return {key: value for key, value in {**CLAIMS, **claims}.items() if value is not None}


def by_hand(headers, signature=lambda signed: b""):
    """A token that PyJWT does not make."""
    signed = ".".join(base64url(compact(part).encode()) for part in (headers, CLAIMS))
    return f"{signed}.{base64url(signature(signed))}"


def base64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


UNSIGNED = by_hand({"alg": "none"})


def by_key_set():
    keys = jwt.PyJWKSet.from_json(key_set())
    public = (
        private("rsa")
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    confused = by_hand({"alg": "HS256", "kid": "rsa-1"}, lambda signed: mac(public, signed).digest())
    good = {
        "RS256": token(),
        "ES256": token(kid="ec-1"),
        "EdDSA": token(kid="ed-1"),
        "several audiences": token(changed(aud=["https://other.example.com", AUDIENCE])),
        "expired within the leeway": token(changed(exp=SECONDS - 30)),
        "not valid before now": token(changed(nbf=SECONDS)),
        "claims beyond ASCII": token(changed(name="Zoë – 日本語")),
    }
    bad = {
        "signed with another key": (token(key=private("another-rsa")), "mismatch"),
        "ES256 with another key": (token(kid="ec-1", key=private("another-p256")), "mismatch"),
        "EdDSA with another key": (token(kid="ed-1", key=edwards(4)), "mismatch"),
        "expired": (token(changed(exp=SECONDS - 3600)), "too-old"),
        "not valid yet": (token(changed(nbf=SECONDS + 3600)), "too-new"),
        "another issuer": (token(changed(iss="https://login.example.org/")), "refused"),
        "no issuer": (token(changed(iss=None)), "refused"),
        "another audience": (token(changed(aud="https://hooks.example.org")), "refused"),
        "no audience": (token(changed(aud=None)), "refused"),
        "a key that is not in the set": (token(key=private("another-rsa"), algorithm="RS256", kid="rsa-2"), "refused"),
        "no signature, and says so": (UNSIGNED, "refused"),
        "the public key as a shared secret": (confused, "refused"),
        "another algorithm than the key's": (
            token(key=private("p256"), algorithm="ES256", header_kid="rsa-1"),
            "refused",
        ),
        "no token": ("a.b.c", "refused"),
        "two parts": (token().rsplit(".", 1)[0], "refused"),
    }
    made = []
    for name, written in good.items():
        case = bearer(written)
        assert accepts(case, keys), name
        made.append(one(name, case, id=ID))
    made.append(one("a body that is not UTF-8: it is not signed", bearer(token(), LATIN1), id=ID))
    for name, (written, expect) in bad.items():
        case = bearer(written)
        assert not accepts(case, keys), name
        made.append(one(name, case, expect))
    verify = {"scheme": "jwt", "jwks": JWKS, "issuer": ISSUER, "audience": AUDIENCE}
    return scheme(verify, {}, f"{sdk('PyJWT')}; ES256 is deterministic by RFC 6979", made, keys={JWKS: key_set()})


def by_secret():
    other = "another secret of at least 32 bytes.."
    good = bearer(token(key=SECRET, algorithm="HS256", header_kid=None))
    bad = bearer(token(key=other, algorithm="HS256", header_kid=None))
    expired = bearer(token(changed(exp=SECONDS - 3600), key=SECRET, algorithm="HS256", header_kid=None))
    asymmetric = bearer(token())
    none = bearer(UNSIGNED)
    assert accepts(good, SECRET) and not any(accepts(case, SECRET) for case in (bad, expired, asymmetric, none))
    made = [
        one("HS256", good, id=ID),
        one("signed with another secret", bad, "mismatch"),
        one("expired", expired, "too-old"),
        one("signed by RS256", asymmetric, "refused"),
        one("no signature, and says so", none, "refused"),
    ]
    verify = {"scheme": "jwt", "secret": "env:JWT_SECRET", "issuer": ISSUER, "audience": AUDIENCE}
    return scheme(verify, {"JWT_SECRET": SECRET}, sdk("PyJWT"), made)


RFC_KEYS = {
    "RS256": {
        "kty": "RSA",
        "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
        "e": "AQAB",
    },
    "ES256": {
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    },
}
RFC_CLAIMS = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
RFC_TOKENS = {
    "RS256": f"eyJhbGciOiJSUzI1NiJ9.{RFC_CLAIMS}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
    "ES256": f"eyJhbGciOiJFUzI1NiJ9.{RFC_CLAIMS}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
}


def published():
    """RFC 7515, appendices A.2 and A.3: tokens without a `kid`, of 2011."""
    made = []
    for (algorithm, written), appendix in zip(RFC_TOKENS.items(), ("A.2", "A.3"), strict=True):
        key = jwt.PyJWK(RFC_KEYS[algorithm], algorithm).key
        jwt.decode(written, key, [algorithm], issuer="joe", options={"verify_exp": False})
        case = bearer(written)
        source = f"https://www.rfc-editor.org/rfc/rfc7515#appendix-{appendix}"
        made.append(one(f"{algorithm} of RFC 7515", case, now="2011-03-22T18:42:00Z", **{"from": source}))
        made.append(one(f"{algorithm} of RFC 7515, today", case, "too-old", **{"from": source}))
    verify = {"scheme": "jwt", "jwks": JWKS, "issuer": "joe"}
    keys = {JWKS: json.dumps({"keys": list(RFC_KEYS.values())})}
    return scheme(verify, {}, "https://www.rfc-editor.org/rfc/rfc7515#appendix-A", made, keys=keys)


def vectors():
    return {"jwt": by_key_set(), "jwt-secret": by_secret(), "jwt-published": published()}
