"""DNS, TCP, a proxy's tunnel and TLS, each by itself. Standard library only.

What fails is a `NetworkError` whose `kind` says how; `diagnosis` says what that means, and what to do.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401  # the first look-up loads it: that time is not the name server's
import errno
import re
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from respan_cli.errors import FailureKind, NetworkError
from respan_cli.gateway.deadline import Deadline
from respan_cli.gateway.interruptible import run_interruptibly
from respan_cli.gateway.tls_errors import kind_of, words_of
from respan_cli.settings.addresses import authority

_MAX_HEAD_BYTES = 64 * 1024  # of a proxy's response; a longer one is not HTTP
_DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Certificate:
    """The result of a TLS handshake: the version, the certificate's issuer and its expiry."""

    version: str
    issuer: str
    days_left: int


def resolve(host: str, port: int, seconds: float) -> list[str]:
    """The addresses of a host, in the order in which the system would try them.

    Raises:
        NetworkError: it has none, or the resolver did not say so within the time.
    """
    try:
        # The system's resolver knows no time limit, and does not hear Ctrl-C.
        found = run_interruptibly(
            lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), timeout_s=seconds
        )
    except TimeoutError:
        words = f"no answer for {seconds:g} s"
    except OSError as error:
        words = error.strerror or str(error)
    except UnicodeError:
        words = "invalid host name"
    else:
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))
    raise NetworkError(f"no address for {host}", reason=words, kind=FailureKind.DNS, retryable=True)


def connect(
    addresses: Sequence[str], port: int, seconds: float
) -> tuple[socket.socket, str, Mapping[str, str]]:
    """A connection to the first address that answers, each given its share of the time.

    Returns:
        The connection, the address that answered, and what the ones before it said instead.

    Raises:
        NetworkError: none of them answered.
    """
    deadline = Deadline(seconds)
    failures: dict[str, str] = {}
    kind = FailureKind.TCP
    for index, address in enumerate(addresses):
        share = deadline.left() / (len(addresses) - index)
        try:
            return socket.create_connection((address, port), timeout=share), address, failures
        except OSError as error:
            failures[address] = _words(error)
            kind = _tcp_kind(error)
    seen = "; ".join(f"{authority(address, port)}: {words}" for address, words in failures.items())
    raise NetworkError(f"no connection to {seen}", kind=kind, retryable=True)


def _tcp_kind(error: OSError) -> FailureKind:
    if isinstance(error, ConnectionRefusedError):
        return FailureKind.TCP_REFUSED
    late = isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT
    return FailureKind.TCP_TIMEOUT if late else FailureKind.TCP


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
        NetworkError: it refuses, closes the connection, or does not answer in time.
    """
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    try:
        connection.settimeout(seconds)
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        head = _head(connection, Deadline(seconds))
    except OSError as error:
        message = f"the proxy did not connect to {target}"
        raise NetworkError(message, reason=_words(error), kind=FailureKind.PROXY, retryable=True) from None
    status = head.partition(b"\r\n")[0].decode("latin-1")
    if not re.match(r"HTTP/1\.\d 2\d\d\b", status):
        words = status or "it closed the connection"
        kind = FailureKind.PROXY_AUTH if re.match(r"HTTP/1\.\d 407\b", status) else FailureKind.PROXY
        raise NetworkError(f"the proxy did not connect to {target}", reason=words, kind=kind)


def _head(connection: socket.socket, deadline: Deadline) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _MAX_HEAD_BYTES:
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
        context: the certificates to trust.
        seconds: for the whole handshake.

    Raises:
        NetworkError: the certificate is not good, or the other side does not speak TLS.
    """
    try:
        connection.settimeout(seconds)
        with context.wrap_socket(connection, server_hostname=host) as secured:
            return _certificate(secured)
    except ssl.SSLCertVerificationError as error:
        message = f"the certificate of {host}: {error.verify_message.rstrip('.')}"
        raise NetworkError(message, kind=kind_of(error)) from None
    except TimeoutError:
        message = f"{host} took the connection and said nothing for {seconds:g} s"
        raise NetworkError(message, kind=FailureKind.TLS_SILENT, retryable=True) from None
    except (OSError, ValueError) as error:
        raise NetworkError(f"no TLS with {host}", reason=words_of(error), kind=kind_of(error)) from None


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


def _certificate(secured: ssl.SSLSocket) -> Certificate:
    ends = ssl.cert_time_to_seconds(str((secured.getpeercert() or {}).get("notAfter")))
    return Certificate(secured.version() or "TLS", _issuer(secured), int((ends - time.time()) // _DAY_S))


def _issuer(secured: ssl.SSLSocket) -> str:
    shown = secured.getpeercert() or {}
    names = {key: value for part in _parts(shown.get("issuer")) for key, value in part}
    return names.get("organizationName") or names.get("commonName") or "an unnamed CA"


def _parts(names: object) -> Sequence[Sequence[tuple[str, str]]]:
    return names if isinstance(names, tuple) else ()
