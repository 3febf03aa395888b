"""How contributors' connections are protected, and under which address they are invited."""

import ipaddress
import socket
import ssl
from pathlib import Path
from typing import Final, Literal

import msgspec

from sparewatt.errors import InputError
from sparewatt_coordinator.server.certificate import names_in, own_certificate
from sparewatt_coordinator.server.folder import DataFolder

HTTPS_PORT: Final = 443
# An address of documentation (RFC 5737): choosing a way to it sends nothing.
ELSEWHERE: Final = ("192.0.2.1", 9)

Protection = Literal["none", "own", "given", "proxy"]


class Wanted(msgspec.Struct, frozen=True):
    """What the organiser asked for.

    Attributes:
        certificate, certificate_key: PEM files of a certificate that the contributors' systems trust.
        own: a certificate made here, whose key stands in every invite.
        proxy: a proxy in front of this program encrypts; nothing that it says of contributors is believed or needed.
    """

    certificate: Path | None = None
    certificate_key: Path | None = None
    own: bool = False
    proxy: bool = False


class Encryption(msgspec.Struct, frozen=True):
    """Attributes:
    context: for listening sockets; None where they are plain.
    pin: hash of the public key that engines check; None where they ask their system's authorities.
    names: host names that the certificate is for.
    """

    protection: Protection
    context: ssl.SSLContext | None = None
    pin: str | None = None
    names: tuple[str, ...] = ()

    @property
    def scheme(self) -> Literal["ws", "wss"]:
        """As contributors dial."""
        return "ws" if self.protection == "none" else "wss"


def is_loopback(host: str) -> bool:
    """Whether only this computer can reach what listens on `host`."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_wanted(wanted: Wanted, hosts: tuple[str, ...], address: str) -> Protection:
    """What is asked for, if it makes sense. Pure.

    Raises:
        InputError: ``serve.not_loopback`` for an address beyond this computer without any protection,
            ``serve.certificate_key`` for half of a pair, ``serve.one_protection`` for several at once,
            ``serve.proxy_address`` where nobody says under which address the proxy is reached.
    """
    if (wanted.certificate is None) != (wanted.certificate_key is None):
        raise InputError("serve.certificate_key")
    asked: list[Protection] = []
    if wanted.certificate is not None:
        asked.append("given")
    if wanted.own:
        asked.append("own")
    if wanted.proxy:
        asked.append("proxy")
    if len(asked) > 1:
        raise InputError("serve.one_protection")
    if asked:
        if asked == ["proxy"] and not address:
            raise InputError("serve.proxy_address")
        return asked[0]
    for host in hosts:
        if not is_loopback(host):
            raise InputError("serve.not_loopback", host=host)
    return "none"


def encryption(wanted: Wanted, protection: Protection, folder: DataFolder) -> Encryption:
    """Blocking.

    Raises:
        InputError: ``serve.certificate`` when the files hold no certificate with its key.
        StorageError, InputError: as `own_certificate`.
    """
    match protection:
        case "own":
            pin = own_certificate(folder)
            return Encryption("own", _context(folder.tls_certificate, folder.tls_key), pin)
        case "given":
            assert wanted.certificate is not None
            assert wanted.certificate_key is not None
            context = _context(wanted.certificate, wanted.certificate_key)
            return Encryption("given", context, names=names_in(wanted.certificate))
        case _:
            return Encryption(protection)


def invited_url(of: Encryption, address: str, bound: tuple[str, int]) -> str:
    """The websocket address that invites name.

    Args:
        address: what the organiser says, HOST or HOST:PORT; empty for a guess from the certificate or `bound`.

    Raises:
        InputError: ``serve.address_malformed``.
    """
    host, port = bound
    if address:
        default = HTTPS_PORT if of.protection == "proxy" else port
        host, port = split_address(address, default)
    elif of.names:
        host = of.names[0]
    elif ipaddress.ip_address(host).is_unspecified:
        host = own_address()
    return f"{of.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def split_address(text: str, default_port: int | None) -> tuple[str, int]:
    """HOST:PORT, or HOST alone where there is a default; an IPv6 address with a port stands in brackets.

    Raises:
        InputError: ``serve.address_malformed``.
    """
    host, colon, port = text.rpartition(":")
    if text.endswith("]") or (text.count(":") > 1 and not text.startswith("[")):
        host, colon, port = text, "", ""
    if not colon and default_port is not None:
        host, port = text, str(default_port)
    host = host.removeprefix("[").removesuffix("]")
    plain = host and not any(mark.isspace() or mark in "/@?#[]" for mark in host)
    if not plain or not port.isascii() or not port.isdigit() or int(port[:6]) > 65_535:
        raise InputError("serve.address_malformed", address=text[:100])
    return host, int(port)


def own_address() -> str:
    """This computer's address as its network sees it; loopback without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ELSEWHERE)
        except OSError:
            return "127.0.0.1"
        found: str = probe.getsockname()[0]
        return found


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise InputError("serve.certificate", path=str(certificate)) from error
    return context
