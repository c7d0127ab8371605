"""The certified provider of npm's oidc-provider, run by the tests, and a browser that logs in there."""

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey

from devices import province
from hub.broker import unused_port

FILES = Path(__file__).with_name("provider")
CLIENT, SECRET = "hub", "a-secret:with/odd%characters-0123456789"
NUMBER = "079203001234"
SCHOOL = next(iter(province.schools(24))).code
PEOPLE: dict[str, dict[str, Any]] = {
    "u-7f3a": {"name": "Nguyễn Văn An", "preferred_username": NUMBER, "citizen_id": NUMBER,
               "birthdate": "1990-02-03", "groups": ["hub-operations", "staff"]},
    "u-90bc": {"name": f"Lê Bình {NUMBER}", "preferred_username": "binh@so.example", "citizen_id": NUMBER,
               "groups": [f"school:{SCHOOL}"]},
    "u-none": {"name": "Trần Chi", "groups": ["staff"]},
    NUMBER: {"name": "Phạm Dung", "groups": ["hub-operations"]},
}  # fmt: skip


def installed() -> Path:
    """Gives a folder with the locked packages, fetched once for all tests; skips where that is impossible."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    locked = (FILES / "package-lock.json").read_bytes()
    folder = Path(sys.prefix) / f"login-provider-{hashlib.sha256(locked).hexdigest()[:12]}"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(FILES / name, folder)
            # nothing of the packages runs while they are fetched; the lock says their digests
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180)
            if done.returncode:
                pytest.skip(f"oidc-provider could not be fetched: {done.stderr[-500:]}")
            (folder / "complete").touch()
    return folder


class LoginProvider:
    """A running provider; `people` are subjects with their claims."""

    def __init__(self, callbacks: list[str], back: str, *, in_token: bool = False) -> None:
        folder = installed()
        self.port = unused_port()
        self.key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": "of-the-tests"})
        client = {
            "client_id": CLIENT, "client_secret": SECRET, "redirect_uris": callbacks,
            "post_logout_redirect_uris": [back], "token_endpoint_auth_method": "client_secret_basic",
        }  # fmt: skip
        configuration = {
            "people": PEOPLE, "clients": [client], "userinfo": not in_token,
            "jwks": {"keys": [self.key.as_dict(private=True)]},
        }  # fmt: skip
        shutil.copy(FILES / "provider.mjs", folder / f"provider-{self.port}.mjs")
        self._script = folder / f"provider-{self.port}.mjs"  # beside node_modules, so that node finds them
        self._process = subprocess.Popen(
            ["node", self._script, str(self.port), json.dumps(configuration)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        self.issuer: str = json.loads(self._process.stdout.readline())["issuer"]

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._script.unlink(missing_ok=True)


class Person:
    """A browser in which somebody logs in: one client for the hub, one for the provider."""

    def __init__(self, hub: httpx.AsyncClient) -> None:
        self.hub = hub
        self.elsewhere = httpx.AsyncClient(trust_env=False, timeout=10)

    async def start(self, name: str = "so", wanted: str = "") -> httpx.Response:
        asked: Mapping[str, str] = {"next": wanted} if wanted else {}
        return await self.hub.get(f"/api/v1/session/oidc/{name}/start", params=asked)

    async def at_provider(self, address: str, who: str) -> str:
        """Logs in at the provider and gives the address it sends the browser back to."""
        own = httpx.URL(address).netloc
        self.elsewhere.cookies.clear()  # computers are shared: who comes next is somebody else
        answer = await self.elsewhere.get(address)
        for _ in range(10):
            if answer.status_code == 200:
                assert "<form" in answer.text, answer.text
                answer = await self.elsewhere.post(answer.url, data={"who": who})
            assert answer.is_redirect, f"{answer.status_code} {answer.text}"
            there = answer.url.join(answer.headers["location"])
            if there.netloc != own:
                return str(there)
            answer = await self.elsewhere.get(there)
        raise AssertionError("the provider redirects without end")

    async def log_in(self, who: str, wanted: str = "") -> httpx.Response:
        begin = await self.start(wanted=wanted)
        return await self.hub.get(await self.at_provider(begin.headers["location"], who))
