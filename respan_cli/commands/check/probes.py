"""The layers below HTTP, each asked by itself: DNS, TCP, a proxy's tunnel, TLS. Standard library only.

What fails is an `NetworkError` whose `kind` says which way; what that means, and what to do about it, is
in `diagnosis`.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401  # the first look-up loads it: its time is not the name server's
import errno
import re
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Thread
from urllib.parse import urlsplit

from respan_cli.errors import NetworkError
from respan_cli.gateway.deadline import Deadline

_LONGEST_HEAD = 64 * 1024  # bytes of a proxy's answer that are read before it is none
_DAY = 86400.0

# X509_V_ERR_… of OpenSSL (x509_vfy.h) -> kind; any other is a certificate that nobody here trusts.
_KIND_OF_CODE = {9: "tls_not_yet_valid", 10: "tls_expired", 62: "tls_hostname", 64: "tls_hostname"}
# What OpenSSL says when the first bytes it gets are no TLS record at all.
_NO_TLS = re.compile(r"WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE|HTTP_REQUEST|PACKET_LENGTH_TOO_LONG")


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a TLS handshake showed: the version, who issued the certificate, and when it ends."""

    version: str
    issuer: str
    days_left: int


def host_and_port(url: str) -> tuple[str, int]:
    """Host and port of a URL, the port its scheme's own if it names none."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def authority(host: str, port: int) -> str:
    """Host and port as one word; an IPv6 address in its brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def resolve(host: str, port: int, seconds: float) -> list[str]:
    """The addresses of a host, in the order in which the system would try them.

    Raises:
        UnreachedError: it has none, or nobody said within the time.
    """
    lookup = _Lookup(host, port)
    lookup.start()
    lookup.join(seconds)
    if lookup.addresses:
        return lookup.addresses
    words = lookup.failure or f"no answer for {seconds:g} s"
    raise NetworkError(f"no address for {host}", reason=words, kind="dns", retryable=True)


class _Lookup(Thread):
    """One look-up beside us: the system's resolver knows no time limit, and does not hear Ctrl-C."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(daemon=True)
        self._host = host
        self._port = port
        self.addresses: list[str] = []
        self.failure = ""

    def run(self) -> None:
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            self.failure = getattr(error, "strerror", None) or "it is no possible name"
            return
        self.addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))


def connect(
    addresses: Sequence[str], port: int, seconds: float
) -> tuple[socket.socket, str, Mapping[str, str]]:
    """A connection to the first address that answers, each given its share of the time.

    Returns:
        The connection, the address that answered, and what the ones before it said instead.

    Raises:
        UnreachedError: none of them answered.
    """
    deadline = Deadline(seconds)
    failures: dict[str, str] = {}
    kind = "tcp"
    for index, address in enumerate(addresses):
        share = deadline.left() / (len(addresses) - index)
        try:
            return socket.create_connection((address, port), timeout=share), address, failures
        except OSError as error:
            failures[address] = _words(error)
            kind = _kind_of(error)
    seen = "; ".join(f"{authority(address, port)}: {words}" for address, words in failures.items())
    raise NetworkError(f"no connection to {seen}", kind=kind, retryable=True)


def _kind_of(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "tcp_refused"
    return "tcp_timeout" if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT else "tcp"


def _words(error: OSError) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else error.strerror or type(error).__name__


def tunnel(connection: socket.socket, target: str, headers: Mapping[str, str], seconds: float) -> None:
    """Have a proxy connect onward (RFC 9110, 9.3.6: CONNECT); afterwards the connection leads to `target`.

    Args:
        connection: to the proxy.
        target: host and port.
        headers: for the proxy, such as `Proxy-Authorization`.
        seconds: to wait for its answer.

    Raises:
        UnreachedError: it refuses, breaks off, or says nothing in time.
    """
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    try:
        connection.settimeout(seconds)
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        head = _head(connection, Deadline(seconds))
    except OSError as error:
        message = f"the proxy did not connect to {target}"
        raise NetworkError(message, reason=_words(error), kind="proxy", retryable=True) from None
    status = head.partition(b"\r\n")[0].decode("latin-1")
    if not re.match(r"HTTP/1\.\d 2\d\d\b", status):
        words = status or "it closed the connection"
        kind = "proxy_auth" if re.match(r"HTTP/1\.\d 407\b", status) else "proxy"
        raise NetworkError(f"the proxy did not connect to {target}", reason=words, kind=kind)


def _head(connection: socket.socket, deadline: Deadline) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _LONGEST_HEAD:
        connection.settimeout(deadline.left())
        byte = connection.recv(1)  # not one more: what follows the head belongs to TLS
        if not byte:
            return b""
        head += byte
    return head


def start_tls(connection: socket.socket, host: str, context: ssl.SSLContext, seconds: float) -> Certificate:
    """Shake hands over an open connection, and close it.

    Args:
        connection: to the server, or through a proxy's tunnel.
        host: whose certificate it must be.
        context: what is trusted.
        seconds: for the whole handshake.

    Raises:
        UnreachedError: the certificate is not good, or the other side does not speak TLS.
    """
    try:
        connection.settimeout(seconds)
        with context.wrap_socket(connection, server_hostname=host) as secured:
            return _certificate(secured)
    except ssl.SSLCertVerificationError as error:
        kind = _KIND_OF_CODE.get(error.verify_code, "tls_untrusted")
        raise NetworkError(
            f"the certificate of {host}: {error.verify_message.rstrip('.')}", kind=kind
        ) from None
    except TimeoutError:
        message = f"{host} took the connection and said nothing for {seconds:g} s"
        raise NetworkError(message, kind="tls_silent", retryable=True) from None
    except (OSError, ValueError) as error:
        kind = "tls_none" if _NO_TLS.search(str(error)) else "tls"
        raise NetworkError(f"no TLS with {host}", reason=_tls_words(error), kind=kind) from None


def issuer_of(addresses: Sequence[str], port: int, seconds: float) -> str | None:
    """Who has signed a certificate that is not trusted: a company's proxy gives itself away by its name.

    Nothing is sent over either connection. The first fetches the certificate; the second trusts it, and
    nothing else, because the standard library reads only what it has verified.

    Args:
        addresses: of the server.
        port: its port.
        seconds: for both connections.
    """
    deadline = Deadline(seconds)
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    reading = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    reading.check_hostname = False
    reading.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        with _secured(blind, addresses, port, deadline) as secured:
            reading.load_verify_locations(cadata=secured.getpeercert(binary_form=True) or b"")
        with _secured(reading, addresses, port, deadline) as secured:
            return _issuer(secured)
    except (OSError, ValueError, NetworkError):
        return None


def _secured(
    context: ssl.SSLContext, addresses: Sequence[str], port: int, deadline: Deadline
) -> ssl.SSLSocket:
    connection, _, _ = connect(addresses, port, deadline.left())
    connection.settimeout(deadline.left())
    return context.wrap_socket(connection)


def _tls_words(error: Exception) -> str:
    """OpenSSL's reason without its place in the source: 'wrong version number'."""
    found = re.search(r"\] (.*?) \(_ssl", str(error))
    return found[1] if found else getattr(error, "strerror", None) or str(error)


def _certificate(secured: ssl.SSLSocket) -> Certificate:
    ends = ssl.cert_time_to_seconds(str((secured.getpeercert() or {}).get("notAfter")))
    return Certificate(secured.version() or "TLS", _issuer(secured), int((ends - time.time()) // _DAY))


def _issuer(secured: ssl.SSLSocket) -> str:
    shown = secured.getpeercert() or {}
    names = {key: value for part in _parts(shown.get("issuer")) for key, value in part}
    return names.get("organizationName") or names.get("commonName") or "nobody it names"


def _parts(names: object) -> Sequence[Sequence[tuple[str, str]]]:
    return names if isinstance(names, tuple) else ()
