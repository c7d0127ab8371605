"""Whether the broker knows what it should: by coming to it with a good and with a revoked certificate.

That files were written and a signal was sent proves nothing: the broker may not be allowed to read them. So
each revocation list also names a certificate made for this alone. While the broker lets that one in, it has
not read the list; when it lets no good one in, its list has ended or its authority is another.
"""

import asyncio
import ssl
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from hub.certificates.authority import Authority, milliseconds
from hub.certificates.serving import FOLDER
from hub.enrolment.signing import crl_of, node_pem, serial_of
from hub.settings import Settings

REVOKED_FILE = "revoked-node.pem"
CRL_FILE = "revoked.crl"
VISITOR = ".hub"
"""Under this name the hub comes to look; no node can have it."""

_CONNECT_S = 5.0
_WELCOME, _DISCONNECT = bytes((0x20, 2, 0, 0)), bytes((0xE0, 0))


class BrokerVisit:
    """Comes to the broker by the address that nodes use."""

    def __init__(self, settings: Settings, authority: Authority) -> None:
        parts = urlsplit(settings.enrolment.mqtt_url)
        self._host, self._port = parts.hostname or "localhost", parts.port or 8883
        self._private = settings.data_dir / FOLDER
        self._authority = authority

    @property
    def place(self) -> str:
        """Where the broker is."""
        return f"mqtts://{self._host}:{self._port}"

    async def come(self, name: str, key_and_certificate: bytes) -> str:
        """Connects and goes again; gives why the broker refuses, "" if it does not.

        Raises `OSError` for a broker that does not answer at all.
        """
        context = ssl.create_default_context(cadata=self._authority.pem.decode())
        with tempfile.NamedTemporaryFile(dir=self._private) as file:  # private: 0600
            file.write(key_and_certificate)
            file.flush()
            context.load_cert_chain(file.name)
        try:
            async with asyncio.timeout(_CONNECT_S):
                reader, writer = await asyncio.open_connection(self._host, self._port, ssl=context)
                try:
                    # a refusal comes after the handshake (TLS 1.3): only an answer to CONNECT says "welcome"
                    writer.write(_connect(name))
                    answer = await reader.readexactly(4)
                    writer.write(_DISCONNECT)
                    await writer.drain()
                finally:
                    writer.close()
        except ConnectionRefusedError:
            raise OSError(f"the broker at {self.place} does not run, or listens elsewhere") from None
        except (ssl.SSLError, ConnectionError, EOFError) as error:
            return str(error) or type(error).__name__
        except OSError as error:
            raise OSError(f"the broker at {self.place} does not answer ({str(error) or 'in time'})") from None
        return "" if answer == _WELCOME else f"it answers CONNECT with {answer.hex(' ')}"

    async def knock(self, now_ms: int) -> str:
        """Comes with a good certificate; gives and raises what `come` does."""
        return await self.come(VISITOR, node_pem(self._authority, VISITOR, now_ms))

    async def problem(self, now_ms: int) -> str:
        """Says what the broker has not taken in, "" if it knows everything; raises as `come` does."""
        if why := await self.knock(now_ms):
            return f"the broker at {self.place} takes no certificate of this hub ({why})"
        if not await self.come(VISITOR, (self._private / REVOKED_FILE).read_bytes()):
            return (
                f"the broker at {self.place} goes by an old revocation list; "
                "it has to read its files again and be allowed to (docs/enrolment.md)"
            )
        return ""


def revoked_serial(private: Path) -> int | None:
    """Gives the serial of the certificate that a list names to be tried by; None if there is none."""
    try:
        return int(serial_of(x509.load_pem_x509_certificate((private / REVOKED_FILE).read_bytes())), 16)
    except (OSError, ValueError):
        return None


def list_end_ms(folder: Path) -> int | None:
    """Gives when the revocation list of a broker's folder ends; None if there is none."""
    try:
        found = crl_of((folder / CRL_FILE).read_bytes())
    except OSError:
        return None
    return found.next_update_ms if found is not None else None


def broker_certificate_end_ms(folder: Path) -> int | None:
    """Gives when the broker's own certificate ends; None if there is none."""
    try:
        found = x509.load_pem_x509_certificate((folder / "broker.pem").read_bytes())
    except (OSError, ValueError):
        return None
    return milliseconds(found.not_valid_after_utc)


def _connect(name: str) -> bytes:
    """Gives the CONNECT packet (MQTT 3.1.1, clean session, keep-alive 10 s) of a client."""
    body = b"\x00\x04MQTT\x04\x02\x00\x0a" + len(name).to_bytes(2, "big") + name.encode()
    return bytes((0x10, len(body))) + body
