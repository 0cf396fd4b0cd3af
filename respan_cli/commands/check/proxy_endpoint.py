"""A proxy as something to connect to."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import unquote, urlsplit

from respan_cli.errors import FailureKind, NetworkError
from respan_cli.gateway.connection_errors import unusable_proxy
from respan_cli.gateway.proxy import Proxy

_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True, slots=True, repr=False)
class ProxyEndpoint:
    """A proxy's URL taken apart; `headers` hold its user and password."""

    scheme: str
    host: str
    port: int
    headers: Mapping[str, str]

    @property
    def tunnels(self) -> bool:
        """Whether it is spoken to in plain HTTP, so that a probe can have it connect onward."""
        return self.scheme == "http"

    def __repr__(self) -> str:
        return f"ProxyEndpoint({self.scheme}, {self.host}, {self.port})"


def proxy_endpoint_of(proxy: Proxy) -> ProxyEndpoint:
    """The proxy as a place to connect to.

    Raises:
        NetworkError: it is not the URL of a host, or of an unknown scheme.
    """
    try:
        parts = urlsplit(proxy.url if "://" in proxy.url else f"http://{proxy.url}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _unusable(proxy, error, FailureKind.PROXY_UNUSABLE) from None
    if not host or parts.scheme not in _PORTS:
        raise _unusable(proxy, ValueError(), FailureKind.PROXY_UNUSABLE)
    if parts.scheme.startswith("socks") and find_spec("socksio") is None:
        raise _unusable(proxy, ImportError(), FailureKind.PROXY_SOCKS)
    headers = {}
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Proxy-Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    return ProxyEndpoint(parts.scheme, host, port or _PORTS[parts.scheme], headers)


def _unusable(proxy: Proxy, error: Exception, kind: FailureKind) -> NetworkError:
    """Errors that a message would end with, reported before any connection."""
    return unusable_proxy(proxy, error).with_kind(kind)
