"""The base URL of a gateway: completed, checked, and whether `http://` to it stays on this machine."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

from respan_cli.settings.parsers import text

RESPAN_HOSTS = ("respan.ai", "keywordsai.co")
ANTHROPIC_PATH = "/api/anthropic"
# A name or an IPv4 address, or an IPv6 address in brackets with nothing around them: clients disagree about
# what "[::1].example.com" and "a\b" are.
_HOST_AND_PORT = re.compile(r"""(?:\[[0-9A-Fa-f:.]+\]|[^][\\<>"^`{|}%:@]+)(?::[0-9]*)?""")


def base_url(value: object) -> str:
    """The URL below which the endpoint's `/v1/messages` is, with one slash at its end.

    On Respan's own hosts a bare host or `/api` is completed; a trailing `/v1` or `/v1/messages` is taken
    off anywhere. `RESPAN_BASE_URL` is found in the wild in all these forms.

    Raises:
        ValueError: no http(s) URL, or one with a user, a password, a query or a fragment.
    """
    try:
        url = text(value).strip()
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if "@" in parts.netloc:
        raise ValueError("holds a user or a password; the key is the only credential")
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("is not an http:// or https:// URL")
    if parts.query or parts.fragment:
        raise ValueError("has a query or a fragment, which a base URL cannot have")
    if any(not character.isprintable() or character.isspace() for character in url):
        raise ValueError("has a character that a URL cannot have")
    if not _HOST_AND_PORT.fullmatch(parts.netloc):
        raise ValueError("has an invalid host name")
    return urlunsplit(parts._replace(path=_endpoint_path(parts, host) + "/"))


def _endpoint_path(parts: SplitResult, host: str) -> str:
    path = parts.path.rstrip("/")
    for suffix in ("/v1/messages", "/v1"):
        path = path.removesuffix(suffix)
    at_respan = any(host == known or host.endswith("." + known) for known in RESPAN_HOSTS)
    return ANTHROPIC_PATH if at_respan and path in ("", "/api") else path.rstrip("/")


def is_insecure(url: str) -> bool:
    """Whether the key and the prompt would cross a network in the clear: `http://` to another machine."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not (
        _HOST_AND_PORT.fullmatch(parts.netloc) and is_this_machine(parts.hostname or "")
    )


def is_under_localhost(url: str) -> bool:
    """Whether the host is a name that should mean this machine, but has to be looked up."""
    return (urlsplit(url).hostname or "").endswith(".localhost")


def is_this_machine(host: str) -> bool:
    """Whether connections to a host stay on the loopback interface.

    A name under `.localhost` is looked up: RFC 6761 asks resolvers for a loopback address, and not every
    resolver knows.
    """
    if host == "localhost":
        return True
    return _resolves_to_loopback(host) if host.endswith(".localhost") else _is_loopback(host)


def _is_loopback(address: str) -> bool:
    from ipaddress import ip_address  # 3 ms that only a plain http:// URL needs

    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _resolves_to_loopback(name: str) -> bool:
    import socket

    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(_is_loopback(str(address[0])) for *_, address in found)
