"""The OpenID provider that people of a platform sign in at: where they are sent, and who it says they are.

OpenID Connect Core 1.0, authorisation code with PKCE (RFC 7636). Nothing of an answer is believed before its
signature, issuer, audience, times and nonce were checked.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from scanner.errors import ScannerError
from scanner.secrets import read_key_file
from scanner.settings import Settings

SCOPE: Final = "openid email profile"
ALGORITHMS: Final = ("RS256", "PS256", "ES256")
"""Of ID tokens: asymmetric ones, so that nobody can sign with a key that is public."""
SECONDS: Final = 10.0
LEEWAY_SECONDS: Final = 60
MOST_BYTES: Final = 1_000_000
KEPT_SECONDS: Final = 300.0
LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class SignInError(ScannerError):
    """Somebody can't be let in by the provider's word; ``kind`` says why, for the page.

    ``provider`` it can't be reached or its answer is not to be trusted, ``old`` the way there began elsewhere or
    too long ago, ``refused`` the provider let nobody in, ``unknown`` nobody here is meant.
    """

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


@dataclass(frozen=True)
class Way:
    """What a browser takes along: its state, and what only this service knows of it."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True)
class Client:
    """What a provider knows this service as.

    Attributes
    ----------
    issuer : str
        The provider, as it names itself.
    redirect_uri : str
        Where it sends people back.
    """

    issuer: str
    client_id: str
    secret_file: Path | None
    redirect_uri: str


def staff(settings: Settings) -> Client | None:
    """Return the client by which staff sign in; None if none is set."""
    if settings.oidc_issuer is None:
        return None
    back = f"{settings.public_url}/login/oidc/callback"
    return Client(
        settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret_file, back
    )


def creators(settings: Settings) -> Client | None:
    """Return the client by which creators sign in; None if none is set."""
    if settings.creator_oidc_issuer is None:
        return None
    return Client(
        settings.creator_oidc_issuer,
        settings.creator_oidc_client_id,
        settings.creator_oidc_client_secret_file,
        f"{settings.public_url}/enter/oidc/callback",
    )


class IdentityProvider:
    """A provider of the settings; what it says of itself is kept for five minutes."""

    def __init__(self, client: Client) -> None:
        self._known_as = client
        self._client = httpx.Client(timeout=SECONDS, follow_redirects=False)
        self._metadata: dict[str, Any] = {}
        self._read_at = float("-inf")

    def address(self, way: Way) -> str:
        """Return where a browser signs in."""
        address: str = prepare_grant_uri(
            self._endpoint("authorization_endpoint"),
            self._known_as.client_id,
            "code",
            self._known_as.redirect_uri,
            SCOPE,
            way.state,
            nonce=way.nonce,
            code_challenge=create_s256_code_challenge(way.verifier),
            code_challenge_method="S256",
        )
        return address

    def claims(self, code: str, way: Way, answered_by: str | None) -> dict[str, Any]:
        """Exchange a code and return the claims of the ID token.

        Parameters
        ----------
        answered_by : str or None
            The ``iss`` of the answer (RFC 9207).

        Raises
        ------
        SignInError
            If the provider refuses the code, or anything of its answer does not hold.
        """
        metadata = self._discovered()
        required = metadata.get("authorization_response_iss_parameter_supported") is True
        if (answered_by or required) and answered_by != self._known_as.issuer:
            raise SignInError("provider", "another issuer answered (RFC 9207)")
        token = self._exchanged(code, way)
        if not isinstance(token.get("id_token"), str):
            raise SignInError("provider", "the provider sent no ID token")
        return self._checked(token, way)

    def _exchanged(self, code: str, way: Way) -> dict[str, Any]:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._known_as.redirect_uri,
            "code_verifier": way.verifier,
        }
        client_id, secret, auth = self._known_as.client_id, self._secret(), None
        known = self._discovered().get("token_endpoint_auth_methods_supported")
        if secret is None:
            fields["client_id"] = client_id
        elif isinstance(known, list) and "client_secret_basic" not in known:
            fields |= {"client_id": client_id, "client_secret": secret}
        else:  # RFC 6749, 2.3.1: form-encoded before they are joined
            auth = (quote(client_id, safe=""), quote(secret, safe=""))
        return self._asked("POST", self._endpoint("token_endpoint"), data=fields, auth=auth)

    def _checked(self, token: Mapping[str, Any], way: Way) -> dict[str, Any]:
        try:
            keys = KeySet.import_key_set(self._asked("GET", self._endpoint("jwks_uri")))  # type: ignore[arg-type]
            read = jwt.decode(token["id_token"], keys, algorithms=list(ALGORITHMS))
            claims = CodeIDToken(
                read.claims,
                read.header,
                {
                    "iss": {"essential": True, "value": self._known_as.issuer},
                    "aud": {"essential": True, "value": self._known_as.client_id},
                    "sub": {"essential": True},
                },
                {
                    "nonce": way.nonce,
                    "client_id": self._known_as.client_id,
                    "access_token": token.get("access_token"),
                },
            )
            claims.validate(now=int(time.time()), leeway=LEEWAY_SECONDS)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            detail = f"the ID token does not hold: {type(error).__name__}: {error}"
            raise SignInError("provider", detail) from error
        if not isinstance(claims["sub"], str):
            raise SignInError("provider", "the ID token's `sub` is no text")
        return dict(claims)

    def _secret(self) -> str | None:
        path = self._known_as.secret_file
        return None if path is None else read_key_file(path).decode().strip()

    def _discovered(self) -> dict[str, Any]:
        """Return what the provider says of itself (OpenID Connect Discovery 1.0, 4.3)."""
        if time.monotonic() - self._read_at > KEPT_SECONDS:
            issuer = self._known_as.issuer
            found = self._asked("GET", get_well_known_url(issuer, external=True))
            if found.get("issuer") != issuer:
                raise SignInError("provider", "the provider calls itself by another name")
            self._metadata, self._read_at = found, time.monotonic()
        return self._metadata

    def _endpoint(self, name: str) -> str:
        address = self._discovered().get(name)
        if not isinstance(address, str) or not safe(address):
            raise SignInError("provider", f"the provider's {name} is missing, or not under TLS")
        return address

    def _asked(self, method: str, address: str, **more: Any) -> dict[str, Any]:
        try:
            with self._client.stream(
                method, address, headers={"Accept": "application/json"}, **more
            ) as answer:
                body = b""
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > MOST_BYTES:
                        raise SignInError("provider", "the provider's answer is too long")
            if answer.status_code != 200:
                detail = f"the provider answered {answer.status_code} at {urlsplit(address).path}"
                raise SignInError("refused" if method == "POST" else "provider", detail)
            found = httpx.Response(200, content=body).json()
        except (httpx.HTTPError, ValueError) as error:
            detail = f"the provider can't be asked: {type(error).__name__}"
            raise SignInError("provider", detail) from error
        if not isinstance(found, dict):
            raise SignInError("provider", "the provider's answer is no JSON object")
        return found


def safe(address: str) -> bool:
    """Tell whether an address is under TLS, or on this machine."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL)
