"""The SDK and its HTTP client: imported late, told everything, and given nothing of the environment.

Nothing here is imported from them before a request is sent: it takes the better part of a second.
"""

from __future__ import annotations

import gc
import os
import ssl
from collections.abc import Callable
from functools import cache
from threading import Lock, Thread
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from respan_cli.gateway import connection_errors
from respan_cli.gateway.connection_errors import Route
from respan_cli.gateway.interruptible import run_interruptibly
from respan_cli.gateway.lazy_import import import_on_demand

if TYPE_CHECKING:
    import anthropic
    import httpx2

# The SDK reads these when it is imported and when a client is made; none may change a request (contract,
# section 1).
_SDK_VARIABLES = ("ANTHROPIC_", "OTEL_")
_CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")

_importing = Lock()


def load_sdk() -> ModuleType:
    """The SDK's package. The first call imports it on another thread, so that Ctrl-C is not lost."""
    return _import_sdk() if _import_sdk.cache_info().currsize else run_interruptibly(_import_once)


def preload() -> None:
    """Begin to import the SDK on a thread of its own, while the prompt is read and the key is fetched."""
    Thread(target=_import_once, daemon=True).start()


def _import_once() -> ModuleType:
    with _importing:
        return _import_sdk()


@cache
def _import_sdk() -> ModuleType:
    """Import it, less its folders of names, and without garbage collections on the way."""
    for name in [name for name in os.environ if name.startswith(_SDK_VARIABLES)]:
        del os.environ[name]
    gc.disable()
    try:
        sdk = import_on_demand("anthropic")
    finally:
        gc.enable()
    gc.freeze()  # what was imported stays: no later collection need look at it
    return sdk


def deprecation(model: str) -> str | None:
    """The SDK's warning about a deprecated model; None for any other."""
    end = end_of_life(model)
    return end and f"The model {model!r} is deprecated and will reach end-of-life on {end}."


def end_of_life(model: str) -> str | None:
    """The date on which a deprecated model will be gone; None of any other.

    Args:
        model: its name; one of Respan's catalogue may have the provider before it (`anthropic/…`).
    """
    load_sdk()
    from anthropic.resources.messages import DEPRECATED_MODELS

    return DEPRECATED_MODELS.get(model.removeprefix("anthropic/"))


def http_client(
    route: Route,
    before: Callable[[httpx2.Request], None],
    after: Callable[[httpx2.Response], None],
    *,
    keep_alive: int,
) -> httpx2.Client:
    """The SDK's HTTP client for one gateway: no redirects, and nothing of the environment but the proxy.

    Args:
        before: called with every request before it is sent.
        after: called with every response when its headers have come.
        keep_alive: idle connections that are kept.

    Raises:
        NetworkError: the proxy or the certificates that the environment names cannot be used.
    """
    sdk = load_sdk()
    from httpx2 import Limits

    options: dict[str, Any] = {
        "verify": trusted(route.url),
        "proxy": route.proxy.url if route.proxy else None,
        "trust_env": False,
        "limits": Limits(max_keepalive_connections=keep_alive),
        "timeout": sdk.Timeout(route.timeout, connect=route.connect_timeout, pool=None),
        "follow_redirects": False,
        "event_hooks": {"request": [before], "response": [after]},
    }
    try:
        client: httpx2.Client = sdk.DefaultHttpxClient(**options)
    except Exception as error:
        if route.proxy is None:
            raise
        raise connection_errors.unusable_proxy(route.proxy, error) from None
    return client


def sdk_client(route: Route, http_client: httpx2.Client) -> anthropic.Anthropic:
    """A client of the SDK over an HTTP client of ours: no retries, no telemetry, no key.

    Raises:
        NetworkError: the base URL has a host that cannot be.
    """
    from httpx2 import InvalidURL

    try:
        client: anthropic.Anthropic = load_sdk().Anthropic(
            # The key is among our own headers: the SDK never holds it, so nothing of it can show it.
            api_key="unused",
            base_url=route.url,
            timeout=http_client.timeout,
            max_retries=0,
            open_telemetry=False,
            http_client=http_client,
        )
    except InvalidURL as error:
        raise connection_errors.network_error(error, route) from None
    return client


def trusted(url: str) -> ssl.SSLContext:
    """The certificates to trust. For http:// none: reading them all would take longer than the request.

    Raises:
        NetworkError: the environment names certificates that cannot be read.
    """
    if urlsplit(url).scheme == "http":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    import httpx2

    try:
        return httpx2.create_ssl_context()
    except OSError as error:
        variable = next((name for name in _CERTIFICATE_VARIABLES if os.environ.get(name)), None)
        if variable is None:
            raise
        raise connection_errors.unusable_certificates(variable, os.environ[variable], error) from None


def connection_error() -> type[Exception]:
    """The SDK's exceptions for a missing response."""
    error: type[Exception] = load_sdk().APIConnectionError
    return error


def reading_errors() -> tuple[type[Exception], ...]:
    """The exceptions that reading a response body may raise."""
    import httpx2

    # RecursionError: JSON that is nested too deeply.
    return (httpx2.HTTPError, httpx2.StreamError, OSError, ValueError, RecursionError)
