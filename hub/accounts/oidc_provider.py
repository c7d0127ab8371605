"""What the hub asks an OpenID Connect provider: discovery, keys, the token of a code, and who that is.

Claims are never logged: they may hold what the hub must not know.
"""

import asyncio
import json
import logging
import ssl
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from hub.accounts.oidc_rules import Attempt
from hub.login_providers import ProviderSettings

log = logging.getLogger(__name__)

ALGORITHMS = (
    "RS256",
    "PS256",
    "ES256",
    "ES384",
    "RS384",
    "RS512",
    "PS384",
    "PS512",
    "ES512",
    "Ed25519",
    "EdDSA",
)
"""Signatures with a key pair; never `none`, never one with the client's secret."""

LEEWAY_S = 60
METADATA_MS = 3_600_000
KEYS_MS = 3_600_000
KEYS_AGAIN_MS = 30_000
AWAY_MS = 5_000
TIMEOUT_S = 5.0
MAX_ANSWER_BYTES = 1_000_000
MAX_AT_ONCE = 16


class ProviderAway(Exception):
    """The provider does not answer, or not as a provider does; the text says what it did."""


class LoginRefused(Exception):
    """The provider does not stand for this login, or what it says cannot be believed; the text says why."""


class Provider:
    """A provider by its settings; remembers its metadata and keys for an hour."""

    def __init__(self, settings: ProviderSettings, now_ms: Callable[[], int]) -> None:
        self.settings = settings
        self._now_ms = now_ms
        self._metadata: dict[str, Any] = {}
        self._metadata_ms = 0
        self._keys: KeySet | None = None
        self._keys_ms = 0
        self._away: tuple[int, str] = (0, "")
        self._lock = asyncio.Lock()
        self._at_once = asyncio.Semaphore(MAX_AT_ONCE)
        self._tls: ssl.SSLContext | None = None

    async def authorize_url(self, attempt: Attempt, redirect_uri: str) -> str:
        """Gives the address at which the person logs in."""
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self.settings.scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        if self.settings.ask_again:
            asked["prompt"] = "login"
        return _with_query(await self._endpoint("authorization_endpoint"), asked)

    async def problem(self) -> str:
        """Asks for what every login needs; says why that fails, "" if it does not."""
        try:
            for name in ("authorization_endpoint", "token_endpoint"):
                await self._endpoint(name)
            await self._keys_for(None)
        except (ProviderAway, JoseError, ValueError) as error:
            return str(error) or type(error).__name__
        return ""

    async def logout_url(self, back: str) -> str | None:
        """Gives the address at which the provider's own session ends; None if it has none."""
        if not (await self._known()).get("end_session_endpoint"):
            return None
        asked = {"client_id": self.settings.client_id, "post_logout_redirect_uri": back}
        return _with_query(await self._endpoint("end_session_endpoint"), asked)

    async def claims(self, code: str, attempt: Attempt, redirect_uri: str) -> Mapping[str, Any]:
        """Exchanges the code and gives the verified claims; `LoginRefused` if they cannot be believed."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": attempt.verifier,
        }
        status, tokens = await self._ask("POST", await self._endpoint("token_endpoint"), form=form)
        if status != 200:
            raise LoginRefused(f"the token endpoint answered {status} {_error_of(tokens)}")
        id_token, access_token = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(id_token, str):
            raise LoginRefused("there is no ID token in the answer")
        claims = await self.verified(id_token, attempt.nonce)
        wanted = {"name", "preferred_username", self.settings.role_claim} - {""}
        if isinstance(access_token, str) and not wanted <= claims.keys():
            claims = {**await self._userinfo(access_token, claims["sub"]), **claims}
        return claims

    async def verified(self, id_token: str, nonce: str) -> dict[str, Any]:
        """Gives the claims of an ID token whose signature, issuer, audience, times and nonce are right."""
        try:
            header = jws.extract_compact(id_token.encode()).headers()
            keys = await self._keys_for(header.get("kid"))
            claims = jwt.decode(id_token, keys, algorithms=list(ALGORITHMS)).claims
            jwt.JWTClaimsRegistry(
                now=self._now_ms() // 1000,
                leeway=LEEWAY_S,
                iss={"essential": True, "value": self.settings.issuer},
                aud={"essential": True, "value": self.settings.client_id},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(claims)
        except (JoseError, ValueError) as error:
            raise LoginRefused(f"the ID token is not valid: {type(error).__name__}") from None
        audience = claims["aud"]
        several = isinstance(audience, list) and len(audience) > 1
        if (several or "azp" in claims) and claims.get("azp") != self.settings.client_id:
            raise LoginRefused("the ID token is for another party (azp)")
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            raise LoginRefused("the ID token names nobody (sub)")
        return claims

    async def _userinfo(self, access_token: str, subject: str) -> dict[str, Any]:
        if not (await self._known()).get("userinfo_endpoint"):
            return {}
        status, said = await self._ask("GET", await self._endpoint("userinfo_endpoint"), bearer=access_token)
        if status != 200:
            raise LoginRefused(f"the userinfo endpoint answered {status}")
        if said.get("sub") != subject:
            raise LoginRefused("the userinfo endpoint speaks of somebody else")
        return said

    async def _endpoint(self, name: str) -> str:
        address = (await self._known()).get(name)
        if not isinstance(address, str):
            raise ProviderAway(f"its discovery document has no {name}")
        if urlsplit(address).scheme != urlsplit(self.settings.issuer).scheme:
            raise ProviderAway(f"its {name} is not {urlsplit(self.settings.issuer).scheme}")
        return address

    async def _known(self) -> dict[str, Any]:
        async with self._lock:
            now_ms = self._now_ms()
            if self._metadata and now_ms - self._metadata_ms < METADATA_MS:
                return self._metadata
            # asked again by everybody who tries, a provider that is away would keep them all waiting
            since_ms, why = self._away
            if why and now_ms - since_ms < AWAY_MS:
                raise ProviderAway(why)
            try:
                address = self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
                status, said = await self._ask("GET", address)
                if status != 200 or said.get("issuer") != self.settings.issuer:
                    raise ProviderAway(
                        f"its discovery document ({status}) is not one of the configured issuer"
                    )
            except ProviderAway as error:
                self._away = (self._now_ms(), str(error))
                raise
            self._metadata, self._metadata_ms, self._away = said, now_ms, (0, "")
            return said

    async def _keys_for(self, kid: object) -> KeySet:
        address = await self._endpoint("jwks_uri")
        async with self._lock:
            age_ms = self._now_ms() - self._keys_ms
            known = self._keys is not None and (kid is None or any(key.kid == kid for key in self._keys.keys))
            if self._keys is None or age_ms > KEYS_MS or (not known and age_ms > KEYS_AGAIN_MS):
                status, said = await self._ask("GET", address)
                keys = said.get("keys")
                if status != 200 or not isinstance(keys, list):
                    raise ProviderAway(f"it gives no keys ({status})")
                own = [
                    key for key in keys if isinstance(key, dict) and key.get("kty") in {"RSA", "EC", "OKP"}
                ]
                own = [key for key in own if key.get("use", "sig") == "sig"]
                self._keys, self._keys_ms = KeySet.import_key_set({"keys": own}), self._now_ms()
            return self._keys

    async def _ask(
        self, method: str, address: str, *, form: dict[str, str] | None = None, bearer: str = ""
    ) -> tuple[int, dict[str, Any]]:
        """Gives status and JSON object of an answer; `ProviderAway` if there is none."""
        headers = {"Accept": "application/json"}
        auth: httpx.Auth | None = None
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        if form is not None:
            secret = self.settings.secret
            if not secret:
                form = {**form, "client_id": self.settings.client_id}
            elif "client_secret_basic" in (await self._known()).get(
                "token_endpoint_auth_methods_supported", ["client_secret_basic"]
            ):
                # RFC 6749 wants both encoded as in a form before they become a header
                auth = httpx.BasicAuth(quote(self.settings.client_id, safe=""), quote(secret, safe=""))
            else:
                form = {**form, "client_id": self.settings.client_id, "client_secret": secret}
        try:
            async with self._at_once, asyncio.timeout(2 * TIMEOUT_S), self._client() as client:
                request = client.build_request(method, address, data=form, headers=headers)
                answer = await client.send(request, auth=auth, stream=True)
                body = b""
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > MAX_ANSWER_BYTES:
                        raise ProviderAway("its answer has no end")
            said = json.loads(body)
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            raise ProviderAway(
                f"{urlsplit(address).netloc} does not answer ({type(error).__name__})"
            ) from None
        except ValueError:
            raise ProviderAway(
                f"{urlsplit(address).netloc} answered {answer.status_code} without JSON"
            ) from None
        if not isinstance(said, dict):
            raise ProviderAway(f"{urlsplit(address).netloc} answered with no JSON object")
        return answer.status_code, said

    def _client(self) -> httpx.AsyncClient:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            if self.settings.ca_file is not None:
                self._tls.load_verify_locations(self.settings.ca_file)
        # a school's way out may be a proxy, the way to one's own machine never is
        beyond = urlsplit(self.settings.issuer).scheme == "https"
        return httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=beyond, verify=self._tls)


def _with_query(address: str, asked: Mapping[str, str]) -> str:
    return address + ("&" if "?" in address else "?") + urlencode(asked)


def _error_of(said: Mapping[str, Any]) -> str:
    """Gives the error code of RFC 6749; its description may hold anything."""
    code = said.get("error")
    return code if isinstance(code, str) and len(code) <= 40 and code.replace("_", "").isalpha() else ""
