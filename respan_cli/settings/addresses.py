"""Host and port of a URL, and how the two are written together."""

from __future__ import annotations

from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def host_and_port(url: str) -> tuple[str, int]:
    """Host and port of a URL; the port is that of its scheme where the URL names none."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme]


def authority(host: str, port: int | None) -> str:
    """Host and port as one word, as in `api.respan.ai:443`; an IPv6 address stands in brackets."""
    name = f"[{host}]" if ":" in host else host
    return name if port is None else f"{name}:{port}"


def host_header(url: str) -> str:
    """The value of the header `Host` of a request to a URL: without the port of its scheme."""
    host, port = host_and_port(url)
    return authority(host, None if port == _DEFAULT_PORTS[urlsplit(url).scheme] else port)
