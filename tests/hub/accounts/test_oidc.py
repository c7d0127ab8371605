"""Logging in by an OpenID Connect provider: the real, certified one, and everything that may go wrong."""

import base64
import hmac
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from sqlalchemy import text, update

from hub.accounts import service
from hub.accounts.oidc import providers_of
from hub.accounts.oidc_provider import LoginRefused, Provider
from hub.accounts.tables import Account
from hub.clock import now_ms
from hub.database import Base, Database
from hub.login_providers import ProviderSettings
from hub.organisation.service import root_of_list
from tests.hub.accounts.login_provider import CLIENT, NUMBER, SCHOOL, SECRET, LoginProvider, Person
from tests.hub.web.conftest import BASE, application, bearer, client, tokens

__all__ = ["application", "client", "tokens"]

OWN_PAGE = {"X-Requested-With": "hub", "Origin": BASE}
ROLES_OF_CLAIMS = {"hub-operations": f"operations@{root_of_list()}", "school:*": "school_admin@*"}


@pytest.fixture(scope="module")
def provider() -> Iterator[LoginProvider]:
    running = LoginProvider([f"{BASE}/api/v1/session/oidc/so/callback"], f"{BASE}/login")
    yield running
    running.stop()


@pytest.fixture
def settings(provider: LoginProvider) -> dict[str, Any]:
    return {"name": "Sở", "issuer": provider.issuer, "client_id": CLIENT, "client_secret": SECRET,
            "scopes": ["openid", "profile", "groups"], "provision": "create", "role_claim": "groups",
            "roles": ROLES_OF_CLAIMS}  # fmt: skip


@pytest.fixture
def configure(application: FastAPI, settings: dict[str, Any]) -> Callable[..., Provider]:
    def use(**changed: Any) -> Provider:
        made = {"so": ProviderSettings(**settings | changed)}
        application.state.login_providers = providers_of(made, application.state.now_ms)
        found: Provider = application.state.login_providers["so"]
        return found

    use()
    return use


@pytest.fixture
async def person(configure: Callable[..., Provider], client: httpx.AsyncClient) -> AsyncIterator[Person]:
    someone = Person(client)
    yield someone
    await someone.elsewhere.aclose()


def error_of(answer: httpx.Response) -> str:
    where = urlsplit(answer.headers["location"])
    assert (answer.status_code, where.path) == (303, "/login"), answer.headers
    return parse_qs(where.query)["error"][0]


def signed_with_the_public_key(claims: dict[str, Any], pem: bytes) -> str:
    """Makes a token that a careless verifier takes: the public key as the secret of a symmetric signature."""

    def encoded(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    head = {"alg": "HS256", "kid": "of-the-tests"}
    signed = encoded(json.dumps(head).encode()) + b"." + encoded(json.dumps(claims).encode())
    return (signed + b"." + encoded(hmac.digest(pem, signed, "sha256"))).decode()


async def test_m27_a_login_maps_its_role_and_no_number_of_a_person_stays(
    person: Person, database: Database, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    # the browser of the tests speaks in this process too; what the hub itself asks is judged
    caplog.set_level(logging.INFO, "httpcore")
    answer = await person.log_in("u-7f3a", "/ops#nodes")
    assert (answer.status_code, answer.headers["location"]) == (303, "/ops#nodes")
    cookies = "\n".join(answer.headers.get_list("set-cookie")).lower()
    assert "hub_session=" in cookies
    assert "httponly" in cookies
    who = (await person.hub.get("/api/v1/session")).json()
    assert [(grant["role"], grant["unit"]) for grant in who["grants"]] == [("operations", root_of_list())]
    assert who["name"] == "Nguyễn Văn An"
    own = (await person.hub.get("/api/v1/account/identities")).json()
    assert [(each["provider"], each["verified"], each["managed"]) for each in own] == [("so", True, True)]
    person.hub.cookies.clear()
    assert (await person.log_in("u-90bc")).headers["location"] == "/school"
    who = (await person.hub.get("/api/v1/session")).json()
    assert [(grant["role"], grant["unit"]) for grant in who["grants"]] == [("school_admin", SCHOOL)]
    assert who["username"] == who["name"] == "so.binh"
    assert error_of(await person.log_in(NUMBER)) == "id_number"
    assert error_of(await person.log_in("079204005678")) == "denied"
    async with database.engine.connect() as connection:
        rows = [(await connection.execute(table.select())).all() for table in Base.metadata.sorted_tables]
    browser = (BASE, "/auth", "/interaction")
    logged = "\n".join(
        each.getMessage()
        for each in caplog.records
        if each.name != "httpx" or not any(part in each.getMessage() for part in browser)
    )
    assert "/token" in logged
    files = [file.read_bytes().decode("latin-1") for file in tmp_path.rglob("*") if file.is_file()]
    assert "u-7f3a" in repr(rows)
    for number in (NUMBER, "079204005678", "1990-02-03"):
        assert number not in repr(rows)
        assert not any(number in content for content in files)
        assert number not in logged
    assert SECRET not in logged


async def test_who_is_not_linked_and_may_not_be_created_has_no_account(
    person: Person, configure: Callable[..., Provider], database: Database, tokens: dict[str, str]
) -> None:
    configure(provision="linked", role_claim="", roles={})
    assert error_of(await person.log_in("u-7f3a")) == "no_account"
    async with database.write() as session:
        account = await service.create_account(
            session, "an", "An", "một-mật-khẩu-dài", [("technician", root_of_list())]
        )
    path = f"/api/v1/accounts/{account}/identities"
    admin = bearer(tokens["administrator"])
    refused = await person.hub.put(f"{path}/so", json={"subject": NUMBER}, headers=admin)
    assert refused.status_code == 422
    assert NUMBER not in refused.text
    linked = await person.hub.put(f"{path}/so", json={"subject": "u-7f3a"}, headers=bearer("demo"))
    assert linked.status_code == 401
    application_admin = bearer("demo-token-of-the-tests")
    linked = await person.hub.put(f"{path}/so", json={"subject": "u-7f3a"}, headers=application_admin)
    assert linked.json()["verified"] is False
    assert (await person.log_in("u-7f3a")).headers["location"] == "/tech"
    assert (await person.hub.get("/api/v1/session")).json()["username"] == "an"
    [identity] = (await person.hub.get(path, headers=application_admin)).json()
    assert (identity["verified"], identity["managed"]) == (True, False)
    gone = await person.hub.delete(f"{path}/{identity['id']}", headers=application_admin)
    assert gone.status_code == 204
    assert error_of(await person.log_in("u-7f3a")) == "no_account"


async def test_roles_follow_the_provider_and_none_is_no_login(
    person: Person, configure: Callable[..., Provider], database: Database
) -> None:
    assert error_of(await person.log_in("u-none")) == "no_role"
    assert (await person.log_in("u-7f3a")).headers["location"] == "/ops"
    configure(roles={"staff": f"inspector@{root_of_list()}", "hub-operations": "operations@NOWHERE"})
    await person.log_in("u-7f3a")
    who = (await person.hub.get("/api/v1/session")).json()
    assert [grant["role"] for grant in who["grants"]] == ["inspector"]
    configure(roles={"other": f"inspector@{root_of_list()}"})
    assert error_of(await person.log_in("u-7f3a", "/wall/main")) == "no_role"
    assert (await person.hub.get("/api/v1/session")).status_code in {200, 401, 403}
    async with database.write() as session:
        assert (await session.execute(text("SELECT count(*) FROM account_grant"))).scalar() == 0
        await session.execute(update(Account).values(disabled_ms=now_ms()))
    assert error_of(await person.log_in("u-7f3a")) == "disabled"


async def test_the_browser_that_began_is_the_one_that_ends(
    person: Person, application: FastAPI, provider: LoginProvider
) -> None:
    begin = await person.start(wanted="https://evil.test/")
    asked = parse_qs(urlsplit(begin.headers["location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["prompt"] == ["login"]
    back = await person.at_provider(begin.headers["location"], "u-7f3a")
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as other:
        assert error_of(await other.get(back)) == "expired"  # a login forced upon another browser
        stolen = Person(other)
        await stolen.start()
        assert error_of(await other.get(back)) == "expired"  # nor with the cookie of an attempt of its own
        await stolen.elsewhere.aclose()
    mixed = await person.hub.get(back.replace(httpx.URL(provider.issuer).host, "evil.test"))
    assert error_of(mixed) == "invalid"  # another provider's answer, and that was this attempt
    assert error_of(await person.hub.get(back)) == "expired"
    answer = await person.log_in("u-7f3a")
    assert answer.headers["location"] == "/ops"
    assert not any(name.startswith("hub_oidc_") for name in person.hub.cookies)


async def test_a_code_is_good_once_and_an_attempt_for_minutes(
    person: Person, application: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = await person.start()
    cookies = dict(person.hub.cookies)
    back = await person.at_provider(begin.headers["location"], "u-7f3a")
    assert (await person.hub.get(back)).headers["location"] == "/ops"
    person.hub.cookies.update(cookies)
    assert error_of(await person.hub.get(back)) == "invalid"
    person.hub.cookies.update(cookies)
    monkeypatch.setattr(application.state, "now_ms", lambda: now_ms() + 700_000)
    assert error_of(await person.hub.get(back)) == "expired"


async def test_a_provider_that_is_away_or_refuses_is_said_on_the_login_page(
    person: Person, configure: Callable[..., Provider], unused_port: int
) -> None:
    assert error_of(await person.log_in("nobody", "/ops")) == "denied"
    configure(client_secret="another")
    assert error_of(await person.log_in("u-7f3a")) == "invalid"
    configure(issuer=f"http://127.0.0.1:{unused_port}")
    answer = await person.start(wanted="/ops")
    assert answer.headers["location"] == "/login?error=unavailable&next=%2Fops"
    assert (await person.start("other")).status_code == 404


async def test_one_links_an_own_identity_and_takes_it_away(
    person: Person, configure: Callable[..., Provider], database: Database
) -> None:
    configure(provision="linked")
    async with database.write() as session:
        for name in ("an", "binh"):
            grants = [("inspector", root_of_list())]
            await service.create_account(session, name, name, "một-mật-khẩu-dài", grants)

    async def linked_by(name: str) -> str:
        person.hub.cookies.clear()
        login = {"username": name, "password": "một-mật-khẩu-dài"}
        assert (await person.hub.post("/api/v1/session", json=login)).status_code == 201
        begin = await person.hub.post("/api/v1/account/identities", json={"provider": "so"}, headers=OWN_PAGE)
        assert begin.status_code == 201
        back = await person.at_provider(begin.json()["start_url"], "u-7f3a")
        there: str = (await person.hub.get(back)).headers["location"]
        return there

    assert await linked_by("an") == "/account"
    assert await linked_by("binh") == "/account?error=taken"
    assert (await person.hub.get("/api/v1/account/identities")).json() == []
    person.hub.cookies.clear()
    await person.log_in("u-7f3a")
    [identity] = (await person.hub.get("/api/v1/account/identities")).json()
    path = f"/api/v1/account/identities/{identity['id']}"
    assert (await person.hub.delete(path, headers=OWN_PAGE)).status_code == 204
    assert (await person.hub.delete(path, headers=OWN_PAGE)).status_code == 404
    assert error_of(await person.log_in("u-7f3a")) == "no_account"


async def test_the_page_learns_of_providers_and_of_their_logout(person: Person) -> None:
    [each] = (await person.hub.get("/api/v1/session/providers")).json()
    assert (each["id"], each["name"]) == ("so", "Sở")
    assert each["start_url"] == "/api/v1/session/oidc/so/start"
    there = urlsplit((await person.hub.get(each["logout_url"])).headers["location"])
    assert parse_qs(there.query)["post_logout_redirect_uri"] == [f"{BASE}/login"]


async def test_an_id_token_is_believed_only_if_everything_is_right(
    configure: Callable[..., Provider], provider: LoginProvider
) -> None:
    asked = configure()
    now_s = now_ms() // 1000
    right = {
        "iss": provider.issuer,
        "aud": CLIENT,
        "sub": "u-1",
        "nonce": "n",
        "iat": now_s,
        "exp": now_s + 60,
    }
    head = {"alg": "RS256", "kid": "of-the-tests"}
    assert (await asked.verified(jwt.encode(head, right, provider.key), "n"))["sub"] == "u-1"
    several = {"aud": [CLIENT, "other"], "azp": CLIENT}
    assert await asked.verified(jwt.encode(head, right | several, provider.key), "n")
    wrong: list[dict[str, Any]] = [
        {"iss": "http://127.0.0.1:1"}, {"aud": "other"}, {"aud": [CLIENT, "other"]}, {"azp": "other"},
        {"nonce": "m"}, {"exp": now_s - 100}, {"iat": now_s + 1000}, {"sub": ""}, {"sub": 7},
    ]  # fmt: skip
    forged = [jwt.encode(head, right | each, provider.key) for each in wrong]
    forged += [
        jwt.encode(head, {k: v for k, v in right.items() if k != gone}, provider.key) for gone in right
    ]
    forged.append(jwt.encode(head, right, RSAKey.generate_key(2048)))
    forged.append(jwt.encode({"alg": "RS256", "kid": "new"}, right, RSAKey.generate_key(2048)))
    forged.append(signed_with_the_public_key(right, provider.key.as_pem(private=False)))
    forged.append(jwt.encode(head, right, provider.key).rpartition(".")[0] + ".")
    none = jwt.encode({"alg": "none"}, right, OctKey.generate_key(128), ["none"])
    forged += [none, "", "a.b.c"]
    for token in forged:
        with pytest.raises(LoginRefused):
            await asked.verified(token, "n")


async def test_claims_may_stand_in_the_id_token_itself(
    configure: Callable[..., Provider], person: Person
) -> None:
    running = LoginProvider([f"{BASE}/api/v1/session/oidc/so/callback"], f"{BASE}/login", in_token=True)
    try:
        configure(issuer=running.issuer)
        assert (await person.log_in("u-7f3a")).headers["location"] == "/ops"
    finally:
        running.stop()
