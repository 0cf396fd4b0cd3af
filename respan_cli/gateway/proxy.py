"""Which proxy stands between this machine and a URL, found where every other program finds it.

`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in either case, or the system's own settings
(macOS, Windows), as the standard library reads them. Only the one proxy that a request needs is ever
looked at: a malformed or unusable other one is no reason to fail.
"""

from __future__ import annotations

import os
import re
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from respan_cli.settings.parsers import is_this_machine

SYSTEM = "the system's settings"


@dataclass(frozen=True, slots=True, repr=False)
class Proxy:
    """A proxy, and the name of the variable that gave it.

    Args:
        url: as it stands there, user and password included.
    """

    url: str
    source: str

    @property
    def shown(self) -> str:
        """The URL without user and password."""
        return re.sub(r"^([^/]*://)?.*@", r"\1[hidden]@", self.url)

    def __repr__(self) -> str:
        return f"Proxy({self.shown!r}, from {self.source})"


def proxy_for(url: str) -> Proxy | None:
    """The proxy for requests to a URL; none to this machine itself, whatever the environment says.

    Args:
        url: an http:// or https:// URL.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_this_machine(host):
        return None
    known = urllib.request.getproxies()
    for scheme in (parts.scheme, "all"):
        if known.get(scheme):
            bypassed = _bypassed(host, parts.port, known)
            return None if bypassed else Proxy(known[scheme], _source(scheme))
    return None


def _bypassed(host: str, port: int | None, known: dict[str, str]) -> bool:
    if "no" not in known:
        return bool(urllib.request.proxy_bypass(f"{host}:{port}" if port else host))
    if _in_a_range(host, known["no"]):
        return True
    # `*.example.com` means `.example.com` to most programs, and nothing to the standard library.
    bypass = urllib.request.proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed lacks it
    return bool(bypass(f"{host}:{port}" if port else host, {"no": known["no"].replace("*.", ".")}))


def _in_a_range(host: str, no_proxy: str) -> bool:
    """Whether a host is an address in one of the ranges, such as 10.0.0.0/8 (curl 7.86 and later)."""
    from ipaddress import ip_address, ip_network

    ranges = [entry for entry in no_proxy.replace(",", " ").split() if "/" in entry]
    if not ranges or not re.fullmatch(r"[0-9.]+|[0-9a-fA-F:.]+", host):
        return False
    with suppress(ValueError):
        address = ip_address(host)
        for entry in ranges:
            with suppress(ValueError):  # a range that is none excludes nothing
                if address in ip_network(entry.strip("[]"), strict=False):
                    return True
    return False


def _source(scheme: str) -> str:
    name = f"{scheme}_proxy"
    return next((given for given in (name, name.upper()) if os.environ.get(given)), SYSTEM)
