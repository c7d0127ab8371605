"""The certificate that HTTPS is served with, given or of the own authority; taken anew when it changes."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hub.certificates.authority import (
    CA_FILE,
    locked,
    milliseconds,
    open_authority,
    private_pem,
    write_private,
)
from hub.certificates.hosts import names_of_host
from hub.certificates.rules import Leaf, reason_to_issue
from hub.settings import SettingProblem, Settings, SettingsError

log = logging.getLogger(__name__)

FOLDER = "certificates"
OWN_FILE = "hub.pem"
CHECK_S = 5.0


@dataclass(frozen=True, slots=True)
class Files:
    """Where certificate and key stand, and which settings said so."""

    certificate: Path
    key: Path
    certificate_setting: str = "HUB_TLS_CERTIFICATE"
    key_setting: str = "HUB_TLS_KEY"


def files_of(settings: Settings) -> Files:
    """Gives the files that HTTPS is served from."""
    if settings.tls == "files":
        assert settings.tls_certificate is not None, "the settings were checked"
        assert settings.tls_key is not None, "the settings were checked"
        return Files(settings.tls_certificate, settings.tls_key)
    own = settings.data_dir / FOLDER / OWN_FILE
    return Files(own, own, "HUB_DATA_DIR", "HUB_DATA_DIR")


def own_ca_file(settings: Settings) -> Path:
    """Names the file of the own authority's certificate."""
    return settings.data_dir / FOLDER / CA_FILE


def address(settings: Settings) -> str:
    """Gives the address at which this machine itself reaches the hub."""
    host = settings.http_host
    if host in {"0.0.0.0", "::"}:  # noqa: S104  (compared with, not listened on)
        host = "127.0.0.1"
    scheme = "http" if settings.tls == "off" else "https"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.http_port}"


def trusted(settings: Settings) -> ssl.SSLContext | None:
    """Gives the context for asking the own hub; None where the machine's own will do.

    Given files are of a name that the loopback address is not, so names are not compared there.
    """
    if settings.tls == "off":
        return None
    authority = own_ca_file(settings) if settings.tls == "own" else None
    context = ssl.create_default_context(cafile=authority if authority and authority.exists() else None)
    if settings.tls == "files":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # whether the pair is good is a finding of its own
    return context


def ensure_own(settings: Settings, now_ms: int) -> str:
    """Makes authority and certificate where one is due, and says why; "" if nothing was."""
    folder = settings.data_dir / FOLDER
    names = names_of_host(settings)
    with locked(folder):
        authority = open_authority(folder, now_ms)
        file = folder / OWN_FILE
        try:
            leaf = leaf_of(x509.load_pem_x509_certificate(file.read_bytes()))
        except (OSError, ValueError):
            leaf = None
        why = reason_to_issue(leaf, names, authority.key_id, now_ms)
        if why:
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = authority.issue_server(key.public_key(), names, now_ms)
            # one file: certificate and key change in the same moment
            pem = certificate.public_bytes(serialization.Encoding.PEM)
            write_private(file, private_pem(key) + pem)
    return why


def leaf_of(certificate: x509.Certificate) -> Leaf:
    """Gives what matters of a certificate."""
    names: set[str] = set()
    issuer = b""
    with contextlib.suppress(x509.ExtensionNotFound):
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names |= set(found.get_values_for_type(x509.DNSName))
        names |= {str(each) for each in found.get_values_for_type(x509.IPAddress)}
    with contextlib.suppress(x509.ExtensionNotFound):
        known = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        issuer = known.key_identifier or b""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return Leaf(milliseconds(begin), milliseconds(end), frozenset(names), issuer)


def read_pair(files: Files) -> x509.Certificate:
    """Gives the certificate of a pair that fits; `SettingsError` names the setting that is wrong."""
    certificate = _read_certificate(files)
    try:
        key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    except OSError as error:
        raise _wrong(files.key_setting, files.key, _unread(error)) from None
    except TypeError:
        fix = "has a password; write the key without one into a file that only the hub may read"
        raise _wrong(files.key_setting, files.key, fix) from None
    except (ValueError, UnsupportedAlgorithm):
        raise _wrong(files.key_setting, files.key, _no_key(files.key)) from None
    theirs = certificate.public_key()
    # the same bytes of both public halves: the one thing all kinds of keys can be compared by
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    if key.public_key().public_bytes(*form) != theirs.public_bytes(*form):
        fix = f"is not the key of the first certificate in {files.certificate}; name the key it was made with"
        raise _wrong(files.key_setting, files.key, fix)
    return certificate


def _read_certificate(files: Files) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(files.certificate.read_bytes())[0]
    except OSError as error:
        fix = _unread(error)
    except (ValueError, IndexError):
        convert = f"openssl x509 -inform der -in {files.certificate} -out hub.pem"
        fix = f"holds no certificate in PEM; convert it: {convert}, or name another file"
    raise _wrong(files.certificate_setting, files.certificate, fix)


def _unread(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "cannot be read (No such file or directory); name the file, or put it there"
    return f"cannot be read ({error.strerror}); let the account that the hub runs under read it"


def _no_key(file: Path) -> str:
    return f"holds no private key in PEM; convert it: openssl pkey -inform der -in {file} -out hub.key"


def _wrong(setting: str, path: Path, fix: str) -> SettingsError:
    return SettingsError([SettingProblem(setting, str(path), fix)])


class Serving:
    """The TLS context of the server; connections that begin later get the newest certificate."""

    def __init__(self, settings: Settings, now_ms: Callable[[], int]) -> None:
        self._settings = settings
        self._now_ms = now_ms
        if settings.tls == "own":
            self._renewed()
        self._files = files_of(settings)
        self._seen = self._signature()
        self.certificate = read_pair(self._files)
        self.context = self._current = self._loaded()
        self.context.sni_callback = self._choose
        self._trouble = ""

    async def watch(self, stop: asyncio.Event) -> None:
        """Renews the own certificate before its end and takes changed files, until `stop`."""
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), CHECK_S)
            if not stop.is_set():
                await asyncio.to_thread(self.check)

    def check(self) -> None:
        """Looks once; files that do not fit leave what is served as it is."""
        try:
            if self._settings.tls == "own":
                self._renewed()
            signature = self._signature()
            if signature != self._seen:
                self.certificate = read_pair(self._files)
                self._current = self._loaded()
                self._seen = signature
                log.info("HTTPS is served with a certificate that ends on %s", _day(self.certificate))
            self._trouble = ""
        except (SettingsError, OSError, ssl.SSLError) as error:
            # once, not every few seconds
            if str(error) != self._trouble:
                log.warning("the certificate that is served stays: %s", error)
            self._trouble = str(error)

    def _renewed(self) -> None:
        try:
            why = ensure_own(self._settings, self._now_ms())
        except (OSError, ValueError) as error:
            folder = self._settings.data_dir / FOLDER
            raise _wrong("HUB_DATA_DIR", folder, f"cannot hold the hub's own authority ({error})") from None
        if why:
            log.info("a new certificate of the hub's own authority was made: %s", why)

    def _loaded(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self._files.certificate, self._files.key)
        except ssl.SSLError as error:
            fix = f"cannot be used ({error.reason})"
            raise _wrong(self._files.certificate_setting, self._files.certificate, fix) from None
        return context

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        # asked for every connection, with a name or without: a context of its own for each certificate,
        # because loading another into the same one keeps the old when the kind of key changes
        connection.context = self._current

    def _signature(self) -> tuple[tuple[int, int, int], ...]:
        found = [path.stat() for path in (self._files.certificate, self._files.key) if path.exists()]
        return tuple((each.st_ino, each.st_mtime_ns, each.st_size) for each in found)


def _day(certificate: x509.Certificate) -> str:
    return certificate.not_valid_after_utc.date().isoformat()
