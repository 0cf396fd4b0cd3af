"""Errors for failed connections: the cause, and advice that a user can act on."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from respan_cli.errors import BadResponseError, FailureKind, NetworkError, RespanError, ResponseTimeoutError
from respan_cli.gateway.proxy import Proxy
from respan_cli.settings.addresses import authority, host_and_port

ORIGIN = "'respan config show --origin'"
_UNKNOWN = "if a company's own authority signed it, SSL_CERT_FILE=PATH names the file with its certificate"
_OTHERS = f"it belongs to another name: is the base URL right? {ORIGIN} tells where it came from"
# What is wrong with a certificate -> what to do.
_CERTIFICATE_HINTS = {
    FailureKind.TLS_NOT_YET_VALID: "it is not yet valid, or this machine's clock is behind: see 'date -u'",
    FailureKind.TLS_EXPIRED: "it has expired, or this machine's clock is ahead: see 'date -u'",
    FailureKind.TLS_HOSTNAME: _OTHERS,
}
# How the proxy of a SOCKS URL says that it wants a user and a password (RFC 1928, 1929; words of httpcore).
_SOCKS_AUTH = ("Invalid username/password", "NO ACCEPTABLE METHODS", "USERNAME/PASSWORD")


@dataclass(frozen=True, slots=True)
class Route:
    """How a gateway is reached.

    Args:
        proxy: the proxy that stands between, if one does.
        timeout: seconds without a byte before giving up.
        connect_timeout: seconds for a connection to come about.
    """

    url: str
    proxy: Proxy | None
    timeout: float
    connect_timeout: float

    @property
    def host(self) -> str:
        """Host and port, as in `api.respan.ai:443`."""
        return authority(*host_and_port(self.url))

    @property
    def via(self) -> str:
        """The part of a message about the proxy, if one is used."""
        return f" through the proxy {self.proxy.shown} (from {self.proxy.source})" if self.proxy else ""


def network_error(error: BaseException, route: Route) -> RespanError:
    """The error that a failed connection means.

    Args:
        error: what the SDK raised; its causes say the rest.
    """
    import httpx2

    chain = list(causes(error))
    for cause in chain:
        if isinstance(cause, httpx2.ConnectTimeout):
            return _failed(route, f"no connection within {route.connect_timeout:g} s", _hint(route))
        if isinstance(cause, httpx2.TimeoutException):
            return _silent(route)
        if isinstance(cause, httpx2.ProxyError):
            return refused_by_proxy(str(cause), route)
        if isinstance(cause, ssl.SSLError):
            return _no_tls(route, cause)
        if isinstance(cause, httpx2.RemoteProtocolError) and "disconnected" not in str(cause):
            return _not_http(route, cause)
        if isinstance(cause, UnicodeError | httpx2.InvalidURL):
            return _failed(route, "no host can have this name", _hint(route), retryable=False)
    # After the causes above: below a broken reading there may be one of them.
    if any(isinstance(cause, _broken_off()) for cause in chain):
        return _dropped(route, chain[-1])
    return _failed(route, _reason(chain[-1]), _hint(route))


def refused_by_proxy(words: str, route: Route) -> RespanError:
    """The proxy will not, or cannot, pass the request on.

    Args:
        words: its status and what it said.
    """
    reason = f"the proxy answered: {words}"
    if route.proxy and (words.startswith("407") or any(known in words for known in _SOCKS_AUTH)):
        hint = f"the proxy requires a username and password: {route.proxy.source}=scheme://USER:PASSWORD@HOST:PORT"
        return _failed(route, reason, hint, retryable=False).with_kind(FailureKind.PROXY_AUTH)
    return _failed(route, reason, _hint(route), retryable=words.startswith("5"))


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and its causes, the root last."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def unusable_proxy(proxy: Proxy, error: BaseException) -> NetworkError:
    """The proxy cannot be used.

    Args:
        error: what the HTTP client said of it; its words may hold the proxy's password and are not repeated.
    """
    if isinstance(error, ImportError):
        reason = "a SOCKS proxy needs the Python package socksio"
        hint = f"install socksio beside respan-cli ('pip install socksio'), or unset {proxy.source}"
    else:
        reason = "it is not an http://, https:// or socks5:// URL of a host and a port"
        hint = f"set {proxy.source} anew, or unset it"
    return NetworkError(f"{proxy.source} names no usable proxy: {proxy.shown}", reason=reason, hint=hint)


def unusable_certificates(variable: str, path: str, error: OSError) -> NetworkError:
    """The file of trusted certificates that the environment names cannot be used.

    Args:
        variable: `SSL_CERT_FILE` or `SSL_CERT_DIR`.
    """
    reason = "there are no certificates in it" if isinstance(error, ssl.SSLError) else error.strerror
    return NetworkError(
        f"cannot use the certificates that {variable} names: {path}",
        reason=reason,
        hint=f"{variable} names a file of certificates in PEM form; unset, the system's own are used",
    )


def _silent(route: Route) -> ResponseTimeoutError:
    return ResponseTimeoutError(
        f"no answer from {route.host}{route.via}",
        reason=f"no byte came for {route.timeout:g} s",
        hint="--timeout waits longer",
        retryable=True,
    )


def _dropped(route: Route, root: BaseException) -> NetworkError:
    hint = f"wait a moment, then try again; is it a gateway? {ORIGIN} tells where the base URL came from"
    return NetworkError(
        f"no answer from {route.host}{route.via}",
        reason=dropped(root),
        hint=_hint(route) if route.proxy else hint,
        retryable=True,
    )


def _broken_off() -> tuple[type[Exception], ...]:
    import httpx2

    return (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError)


def dropped(error: BaseException) -> str:
    """How an established connection ended, in the same words on every system.

    Args:
        error: what the HTTP client raised; its causes say the rest.
    """
    *_, root = causes(error)
    if isinstance(root, ConnectionResetError | BrokenPipeError):
        return "the connection was reset"
    if isinstance(root, ssl.SSLEOFError) or re.search("disconnected|closed connection", str(root)):
        return "the connection was closed"
    return getattr(root, "strerror", None) or str(root) or type(root).__name__


def _no_tls(route: Route, cause: ssl.SSLError) -> NetworkError:
    from respan_cli.gateway.tls_errors import kind_of

    kind = kind_of(cause)
    if isinstance(cause, ssl.SSLCertVerificationError):
        reason = f"its certificate is not trusted: {cause.verify_message.rstrip('.')}"
        return _failed(route, reason, _CERTIFICATE_HINTS.get(kind, _UNKNOWN), retryable=False)
    if kind == FailureKind.TLS_CLIENT_CERTIFICATE:
        reason = "the server requires a client certificate (mutual TLS)"
        hint = "respan sends no client certificate: connect through a proxy that does"
        return _failed(route, reason, hint, retryable=False).with_kind(kind)
    if kind != FailureKind.TLS_NONE:
        reason = f"TLS failed: {(cause.reason or str(cause)).replace('_', ' ').lower()}"
        return _failed(route, reason, _hint(route), retryable=False)
    if route.proxy and route.proxy.url.startswith("https://"):
        return _proxy_without_tls(route, route.proxy)
    hint = f"is it http://, or another port? {ORIGIN} tells where the base URL came from"
    return _failed(route, "what answers there does not speak TLS", hint, retryable=False)


def _proxy_without_tls(route: Route, proxy: Proxy) -> NetworkError:
    reason = f"https:// in {proxy.source} means TLS to the proxy itself, and it does not speak TLS"
    hint = f"write http:// in {proxy.source}: the gateway's own TLS goes through it all the same"
    return _failed(route, reason, hint, retryable=False).with_kind(FailureKind.PROXY_NO_TLS)


def _not_http(route: Route, cause: Exception) -> BadResponseError:
    return BadResponseError(
        f"{route.host} sent a reply that is not HTTP{route.via}",
        reason=str(cause),
        hint=f"is it https://, or another port? {ORIGIN} tells where the base URL came from",
    )


def _failed(route: Route, reason: str, hint: str, *, retryable: bool = True) -> NetworkError:
    return NetworkError(
        f"cannot reach {route.host}{route.via}", reason=reason, hint=hint, retryable=retryable
    )


def _reason(root: BaseException) -> str:
    if isinstance(root, socket.gaierror):
        return f"the name cannot be resolved: {root.strerror}"
    if isinstance(root, ConnectionRefusedError):
        return "the connection was refused: nothing listens there"
    if isinstance(root, ConnectionResetError | BrokenPipeError):
        return "the connection was reset before an answer"
    if isinstance(root, OSError) and root.strerror:
        return root.strerror
    return str(root) or type(root).__name__


def _hint(route: Route) -> str:
    if route.proxy:
        around = f"NO_PROXY={urlsplit(route.url).hostname}"
        return f"is the proxy right, and does it run? {route.proxy.source} names it; {around} goes around it"
    return f"is the network up, and the base URL right? see {ORIGIN}"


def is_dropped(error: BaseException) -> bool:
    """Whether an established connection was lost before a response began."""
    import httpx2

    chain = list(causes(error))
    if any(isinstance(cause, httpx2.TimeoutException | httpx2.ProxyError | ssl.SSLError) for cause in chain):
        return False
    return any(
        isinstance(cause, httpx2.ReadError | httpx2.WriteError)
        or (isinstance(cause, httpx2.RemoteProtocolError) and "disconnected" in str(cause))
        for cause in chain
    )
