"""A certificate, a signing key and tokens for the benchmark, made with openssl at run time."""

import base64
import json
import subprocess
import time

ISSUER = "https://issuer.bench.example"
AUDIENCE = "bench-api"
SCOPE = "items:read"
KEY_ID = "bench-1"


def _openssl(*arguments, data=None):
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, input=data, check=True, capture_output=True).stdout


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make_certificate(folder):
    """A P-256 certificate for localhost: the same for every server."""
    key, certificate = folder / "server.key", folder / "server.crt"
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    _openssl(
        "req", "-new", "-x509", "-key", key, "-out", certificate, "-days", "30", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
    )  # fmt: skip
    key.chmod(0o600)
    # HAProxy takes both in one file.
    bundle = folder / "server.pem"
    bundle.write_bytes(certificate.read_bytes() + key.read_bytes())
    bundle.chmod(0o600)
    return key, certificate, bundle


class Signer:
    """An issuer with one ES256 key."""

    def __init__(self, folder):
        self._key = folder / "issuer.key"
        self.public_key = folder / "issuer.pub.pem"
        self.jwks = folder / "jwks.json"
        _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self._key)
        _openssl("ec", "-in", self._key, "-pubout", "-out", self.public_key)
        point = _openssl("ec", "-in", self._key, "-pubout", "-outform", "DER")[-64:]
        jwk = {
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": KEY_ID,
            "x": _base64url(point[:32]), "y": _base64url(point[32:]),
        }  # fmt: skip
        self.jwks.write_text(json.dumps({"keys": [jwk]}))

    def token(self, subject):
        """An access token as RFC 9068 wants it, for an hour."""
        now = int(time.time())
        header = {"alg": "ES256", "typ": "at+jwt", "kid": KEY_ID}
        claims = {
            "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "client_id": "bench", "scope": SCOPE,
            "iat": now, "exp": now + 3600, "jti": f"{subject}-{now}",
        }  # fmt: skip
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
        signature = _openssl("dgst", "-sha256", "-sign", self._key, data=signed.encode())
        return f"{signed}.{_base64url(_raw_signature(signature))}"

    def forged(self, subject):
        """The same with a signature that is well-formed and wrong."""
        head, claims, signature = self.token(subject).split(".")
        other = self.token(subject + "-other").split(".")[2]
        assert other != signature
        return f"{head}.{claims}.{other}"


def _raw_signature(der):
    """DER `SEQUENCE { r, s }` as the 64 bytes of RFC 7518 §3.4."""
    assert der[0] == 0x30
    position, numbers = 2, []
    for _ in range(2):
        length = der[position + 1]
        number = der[position + 2 : position + 2 + length]
        numbers.append(number.lstrip(b"\0").rjust(32, b"\0"))
        position += 2 + length
    return b"".join(numbers)
