"""The SDK and its HTTP client, kept at arm's length: imported late, told everything, asked for little.

Nothing here is imported from them before a message is sent: it takes the better part of a second.
"""

from __future__ import annotations

import gc
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock, Thread
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from respan_cli.gateway import connection_errors
from respan_cli.gateway.connection_errors import Route
from respan_cli.gateway.interruptible import run_interruptibly
from respan_cli.gateway.lazy_import import import_on_demand
from respan_cli.gateway.proxy import Proxy, variables

if TYPE_CHECKING:
    import anthropic
    import httpx2

# What the SDK reads from the environment: none of it may change a request (contract, section 1).
_SDK_VARIABLES = ("ANTHROPIC_", "OTEL_")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


_importing = Lock()


def load_sdk() -> ModuleType:
    """The SDK's package. The first call imports it beside us, where Ctrl-C cannot get lost in it."""
    return _import_sdk() if _import_sdk.cache_info().currsize else run_interruptibly(_import_once)


def deprecation(model: str) -> str | None:
    """What the SDK says of a model that will soon be gone; nothing of any other."""
    load_sdk()
    from anthropic.resources.messages import DEPRECATED_MODELS

    end = DEPRECATED_MODELS.get(model)
    return end and f"The model {model!r} is deprecated and will reach end-of-life on {end}."


def preload() -> None:
    """Begin to import the SDK on a thread of its own, while the prompt is read and the key is fetched."""
    Thread(target=_import_once, daemon=True).start()


def _import_once() -> ModuleType:
    with _importing:
        return _import_sdk()


@cache
def _import_sdk() -> ModuleType:
    """Import it, less what nobody asks for, and with the garbage collector looking the other way."""
    gc.disable()
    try:
        with _without(_names_of_sdk()):
            sdk = import_on_demand("anthropic")
    finally:
        gc.enable()
    gc.freeze()  # what was imported stays: no later collection need look at it
    return sdk


@contextmanager
def http_client_for(
    way: Route,
    before: Callable[[httpx2.Request], None],
    after: Callable[[httpx2.Response], None],
    *,
    keep: bool = False,
) -> Iterator[httpx2.Client]:
    """The SDK's HTTP client for one gateway: no redirects, of the environment only a proxy.

    Args:
        way: the way to the gateway.
        before: called with every request before it is sent.
        after: called with every response when its headers have come.
        keep: whether to use a connection more than once.

    Raises:
        UnreachedError: the proxy or the certificates that the environment names cannot be used.
    """
    sdk = load_sdk()
    from httpx2 import Limits

    with _environment(way.proxy):
        client = _http_client(
            way,
            verify=trusted(way.url),
            # None is used twice unasked: one that is closed after a refusal would cost an attempt.
            limits=Limits(max_keepalive_connections=1 if keep else 0),
            timeout=sdk.Timeout(way.timeout, connect=way.connect_timeout),
            follow_redirects=False,
            event_hooks={"request": [before], "response": [after]},
        )
    with client:
        yield client


@contextmanager
def client_for(
    way: Route,
    before: Callable[[httpx2.Request], None],
    after: Callable[[httpx2.Response], None],
    *,
    keep: bool = False,
) -> Iterator[anthropic.Anthropic]:
    """A client of the SDK for one gateway, with an HTTP client of `http_client_for`: no retries.

    Args:
        way: the way to the gateway.
        before: called with every request before it is sent.
        after: called with every response when its headers have come.
        keep: whether to use a connection more than once.

    Raises:
        UnreachedError: the proxy or the certificates that the environment names cannot be used.
    """
    with http_client_for(way, before, after, keep=keep) as http_client:
        yield _sdk_client(way, http_client)


def _sdk_client(way: Route, http_client: httpx2.Client) -> anthropic.Anthropic:
    from httpx2 import InvalidURL

    sdk = load_sdk()
    try:
        with _environment(None):
            client: anthropic.Anthropic = sdk.Anthropic(
                # The key is among our own headers: the SDK never holds it, so nothing of it can show it.
                api_key="unused",
                base_url=way.url,
                timeout=http_client.timeout,
                max_retries=0,
                open_telemetry=False,
                http_client=http_client,
            )
    except InvalidURL as error:
        raise connection_errors.unreached(error, way) from None
    return client


def _http_client(way: Route, **options: Any) -> httpx2.Client:
    try:
        client: httpx2.Client = load_sdk().DefaultHttpxClient(**options)
    except Exception as error:
        if way.proxy is None:
            raise
        raise connection_errors.unusable_proxy(way.proxy, error) from None
    return client


def trusted(url: str) -> ssl.SSLContext:
    """Whom to trust. For http:// nobody: reading all the certificates would take longer than the request."""
    if urlsplit(url).scheme == "http":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    import httpx2

    try:
        return httpx2.create_ssl_context()
    except OSError as error:
        variable = next((name for name in _CERTIFICATES if os.environ.get(name)), None)
        if variable is None:
            raise
        raise connection_errors.unusable_certificates(variable, os.environ[variable], error) from None


@contextmanager
def _environment(proxy: Proxy | None) -> Iterator[None]:
    """The environment as a client may see it: without the SDK's own variables, and with no proxy but this."""
    shown = {"https_proxy": proxy.url, "http_proxy": proxy.url} if proxy else {"no_proxy": "*"}
    with _without([*_names_of_sdk(), *variables()]):
        os.environ.update(shown)
        try:
            yield
        finally:
            for name in shown:
                del os.environ[name]


def _names_of_sdk() -> list[str]:
    return [name for name in os.environ if name.startswith(_SDK_VARIABLES)]


@contextmanager
def _without(names: list[str]) -> Iterator[None]:
    hidden = {name: os.environ.pop(name) for name in names}
    try:
        yield
    finally:
        os.environ.update(hidden)


def reading_errors() -> tuple[type[Exception], ...]:
    """What reading the body of a response may raise."""
    import httpx2

    # RecursionError: JSON nested deeper than anybody means it.
    return (httpx2.HTTPError, httpx2.StreamError, OSError, ValueError, RecursionError)
