"""How an agent speaks with the hub about its certificate: whom it trusts, and what is wrong, in words."""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import json
import socket
import ssl
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

from devices.enrolment_code import authority_part
from edge_agents.connection import NO_CHECK_TIME

PATH = "/api/v1/enrolment"
TIMEOUT_S = 15.0
_ANSWER_BYTES = 200_000
_CLOCK_MOST_S = 3_600
"""A new certificate began an hour ago by the hub's clock; one that shows less cannot use it."""
_OTHER_NAME = {62, 64}  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_BEYOND_TIME = {9, 10}  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED


class EnrolmentError(Exception):
    """It did not work: what is wrong, and what to do about it. `refused`: the hub heard it and says no."""

    def __init__(self, what: str, fix: str, *, refused: bool = False) -> None:
        super().__init__(f"{what}. Fix: {fix}.")
        self.refused = refused


class HubLine:
    """One hub at `https://host[:port]`; plain http only on this machine. Blocks; raises EnrolmentError."""

    def __init__(self, url: str) -> None:
        self._parts = _checked(url)
        self.url = f"{self._parts.scheme}://{self._parts.netloc}"

    def authority(self, wanted: str) -> str:
        """The hub's authority (PEM) if it is the one that a code speaks of; nothing secret is sent.

        Asked for without trust, as nobody can be trusted yet: what comes is compared with the code.
        """
        doubting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        doubting.check_hostname = False
        doubting.verify_mode = ssl.CERT_NONE
        status, headers, body = self._ask("GET", f"{PATH}/ca.pem", None, doubting)
        pem = body.decode("ascii", "replace")
        try:
            der = ssl.PEM_cert_to_DER_cert(pem.strip())
        except ValueError:
            der = b""
        if status != 200 or not der:
            raise EnrolmentError(
                f"what answers at {self.url} is no hub that enrols agents (status {status})",
                "use the address that stands with the code",
            )
        if authority_part(hashlib.sha256(der).digest()) != wanted:
            raise EnrolmentError(
                f"the authority that {self.url} shows is not the one of this code: the code is of another "
                "hub, or somebody stands between this machine and the hub. The code was not sent",
                "compare the address with the one that stands with the code; if it is right, "
                "try another network and tell whoever looks after this one",
            )
        self._check_clock(headers.get("Date"))
        return pem

    def post(self, path: str, body: dict[str, str], authority: str, *, ignore_times: bool) -> dict[str, Any]:
        """Send something to a hub that is really the one; returns what it answers.

        That is a hub served with a certificate of its own authority (PEM), or with one for this name that
        the machine trusts. `ignore_times`: this machine's clock is known to be wrong.
        """
        content = json.dumps(body).encode()
        try:
            status, _, answer = self._ask(
                "POST", PATH + path, content, trusting(authority, ignore_times=ignore_times)
            )
        except ssl.SSLCertVerificationError as error:
            try:  # a hub with a certificate from elsewhere, such as one behind a proxy
                status, _, answer = self._ask("POST", PATH + path, content, ssl.create_default_context())
            except ssl.SSLCertVerificationError:
                raise self._not_trusted(error) from None
        try:
            told = json.loads(answer)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            fix = "use the address of the hub itself"
            raise EnrolmentError(f"{self.url} answers with status {status} and not as a hub does", fix)
        if status != 201:
            what = str(told.get("detail") or told.get("title") or f"status {status}")
            fix = str(told.get("fix") or "look into the hub's log")
            again = {408, 429, *range(500, 600)}
            raise EnrolmentError(f"the hub says: {what}", fix, refused=status not in again)
        return told

    def _ask(
        self, method: str, path: str, body: bytes | None, tls: ssl.SSLContext
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        host, port = self._parts.hostname or "", self._parts.port
        line: http.client.HTTPConnection
        if self._parts.scheme == "https":
            line = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=tls)
        else:
            line = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            line.request(method, path, body, headers)
            answer = line.getresponse()
            return answer.status, answer.headers, answer.read(_ANSWER_BYTES)
        except ssl.SSLCertVerificationError:
            raise
        except ssl.SSLError as error:
            fix = "check the port, and that the hub is served with TLS"
            raise EnrolmentError(f"{self.url} does not speak HTTPS ({error.reason})", fix) from None
        except socket.gaierror:
            fix = "check the name, and that this machine has a name server"
            raise EnrolmentError(f"the name {host} is not known here", fix) from None
        except (OSError, http.client.HTTPException) as error:
            why = str(getattr(error, "strerror", None) or str(error) or type(error).__name__)
            fix = "check address and port, the cable, and that the hub runs"
            raise EnrolmentError(f"the hub does not answer at {self.url} ({why})", fix) from None
        finally:
            line.close()

    def _not_trusted(self, error: ssl.SSLCertVerificationError) -> EnrolmentError:
        if error.verify_code in _OTHER_NAME:
            return EnrolmentError(
                f"the hub at {self.url} has a certificate of other names",
                "use one of its names, or add this one to tls_names of the hub",
            )
        if error.verify_code in _BEYOND_TIME:
            return _wrong_clock(f"the hub's certificate is not valid by it ({error.verify_message})")
        return EnrolmentError(
            f"what answers at {self.url} cannot prove to be the hub ({error.verify_message}): perhaps "
            "somebody stands between. Nothing secret was sent",
            "use the hub's own address; behind a proxy, give that a certificate which this machine trusts",
        )

    def _check_clock(self, date: str | None) -> None:
        try:
            hub_s = parsedate_to_datetime(date or "").timestamp()
        except ValueError:
            return
        if abs(time.time() - hub_s) > _CLOCK_MOST_S:
            raise _wrong_clock(f"the hub's shows {datetime.fromtimestamp(hub_s, UTC):%Y-%m-%d %H:%M:%S} UTC")


def trusting(authority_pem: str, *, ignore_times: bool) -> ssl.SSLContext:
    """A context that trusts one authority and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=authority_pem)
    if ignore_times:
        context.verify_flags |= NO_CHECK_TIME
    return context


def _checked(url: str) -> SplitResult:
    parts = urlsplit(url if "://" in url else f"https://{url}")
    fix = "give it as https://host or https://host:port"
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == -1 or "@" in parts.netloc:
        raise EnrolmentError(f"{url!r} is no address of a hub", fix)
    if parts.scheme == "http" and not _is_this_machine(parts.hostname):
        what = "over plain http everybody on the way could read the code and answer in the hub's place"
        raise EnrolmentError(what, fix)
    return parts


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _wrong_clock(why: str) -> EnrolmentError:
    now = datetime.now(UTC)
    return EnrolmentError(
        f"this machine's clock shows {now:%Y-%m-%d %H:%M:%S} UTC, and {why}",
        "set the clock: sudo timedatectl set-ntp true, or sudo date -u -s 'YYYY-MM-DD HH:MM'",
    )
