"""A small OpenID provider in a process of its own: ``python oidc_provider.py``, which prints its address.

It signs with RS256, checks PKCE and the client's secret, and gives a code away once. Whom it vouches for, and how it
lies, is posted to ``/say`` as JSON: ``claims`` (added to those of the ID token; null: left out), ``alg``, ``code_again``.
"""

import json
import sys
import time
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

KEY = RSAKey.generate_key(2048, parameters={"kid": "one", "use": "sig", "alg": "RS256"})
STRANGER = RSAKey.generate_key(2048, parameters={"kid": "one"})
CLIENT, SECRET = "clearance", "s3cret&of=theirs"
asked: dict[str, dict[str, str]] = {}
said: dict[str, Any] = {}


class Provider(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/.well-known/openid-configuration":
            self.answer(
                {
                    "issuer": said.get("issuer", base),
                    "authorization_endpoint": f"{base}/authorize",
                    "token_endpoint": f"{base}/token",
                    "jwks_uri": f"{base}/jwks",
                    "authorization_response_iss_parameter_supported": True,
                }
            )
        elif parts.path == "/jwks":
            self.answer({"keys": [KEY.as_dict(private=False)]})
        elif parts.path == "/authorize":
            query = dict(parse_qsl(parts.query))
            code = token_urlsafe(16)
            asked[code] = query
            back = urlencode({"code": code, "state": query["state"], "iss": base})
            self.send_response(302)
            self.send_header("Location", f"{query['redirect_uri']}?{back}")
            self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/say":
            said.clear()
            said.update(json.loads(body))
            self.answer({})
            return
        fields = dict(parse_qsl(body))
        code = fields["code"]
        query = asked.get(code) if said.get("code_again") else asked.pop(code, None)
        if query is None or not self.proved(fields, query):
            self.answer({"error": "invalid_grant"}, 400)
            return
        now = int(time.time())
        claims = {
            "iss": base, "aud": CLIENT, "sub": "ana-1", "iat": now, "exp": now + 300,
            "nonce": query["nonce"], "email": "ana@example.org", "email_verified": True,
        }  # fmt: skip
        claims = {k: v for k, v in (claims | said.get("claims", {})).items() if v is not None}
        self.answer({"access_token": "x", "token_type": "Bearer", "id_token": self.signed(claims)})

    def proved(self, fields: dict[str, str], query: dict[str, str]) -> bool:
        """Whether it is the client, and the one who began."""
        scheme, _, given = self.headers.get("Authorization", "").partition(" ")
        secret = unquote_plus(b64decode(given).decode().partition(":")[2])
        return (
            (scheme, secret) == ("Basic", SECRET)
            and fields["redirect_uri"] == query["redirect_uri"]
            and query["code_challenge_method"] == "S256"
            and create_s256_code_challenge(fields["code_verifier"]) == query["code_challenge"]
        )

    def signed(self, claims: dict[str, Any]) -> str:
        alg = said.get("alg", "RS256")
        if alg == "HS256":  # signed with what everybody knows: the public key
            key: Any = OctKey.import_key(KEY.as_pem(private=False))
        else:
            key = STRANGER if alg == "stranger" else KEY
        alg = "RS256" if alg == "stranger" else alg
        return jwt.encode({"alg": alg, "kid": "one"}, claims, key, algorithms=[alg])

    def answer(self, told: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    base = f"http://127.0.0.1:{server.server_port}"
    print(base, flush=True)
    sys.stdout.close()
    server.serve_forever()
