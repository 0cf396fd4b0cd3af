"""Headers of both scopes: which are allowed, and which are sent. Pure.

`forwarded` headers travel inside the body (`metadata.extra_headers`) and the gateway adds them to its own
request to the model's provider; `gateway` headers are real HTTP headers of our request to the gateway.
What `headers list --effective` and `--dry-run` print is what `send` sends: all three call `on_the_wire`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from respan_cli import __version__
from respan_cli.errors import SettingsError
from respan_cli.terminal.redact import REFERENCE

# The Messages API version that the requests of this program are written against; the one that the SDK
# sends since 2.0. `[gateway_headers] anthropic-version = "…"` replaces it.
ANTHROPIC_VERSION = "2026-10-21"

KEY_PLACEHOLDER = "Bearer $RESPAN_API_KEY"

# Framing and identity of the request itself: only the HTTP client and the key set them.
FORBIDDEN = frozenset({"authorization", "host", "content-length", "transfer-encoding", "connection"})

# RFC 9110, 5.6.2: a field name is a token.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# RFC 9110, 5.5: visible ASCII, space and tab. It also allows obs-text, which no two servers read alike.
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class WireHeader:
    """One HTTP header of our request and its source. Its repr hides the value."""

    name: str
    value: str = field(repr=False)
    source: str


def check_name(name: str) -> str:
    """Return `name` if HTTP allows it and it may be set.

    Raises:
        ValueError: the name is no token (RFC 9110), or is one of `FORBIDDEN`.
    """
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"has {name!r} where a header name belongs: letters, digits, and -_.!#$%&'*+^`|~")
    if name.lower() in FORBIDDEN:
        raise ValueError(f"sets {name!r}, which cannot be set: it belongs to the connection or to the key")
    return name


def check_value(name: str, value: str) -> str:
    """Return `value` without white space at its ends, if HTTP allows it.

    Raises:
        ValueError: it holds CR, LF, NUL, another control character, or anything but ASCII; or it is an
            `env:` reference to no possible variable. The value itself is not in the message.
    """
    value = value.strip()
    if not _VALUE.fullmatch(value):
        raise ValueError(f"has a character that HTTP does not allow in the value of {name!r}")
    if value.startswith(REFERENCE) and not _VARIABLE.fullmatch(value.removeprefix(REFERENCE)):
        raise ValueError(f"refers to no environment variable in {name!r}: write env:NAME")
    return value


def parse_line(line: str) -> tuple[str, str]:
    """Split `Name: value`; an empty value removes the header.

    Raises:
        ValueError: there is no colon, or name or value are not allowed.
    """
    name, colon, value = line.partition(":")
    if not colon:
        raise ValueError("is not of the form 'Name: value'")
    name = check_name(name.strip())
    return name, check_value(name, value)


def parse_lines(text: str) -> Iterator[tuple[str, str]]:
    """Read the `Name: value` lines of a header file; empty lines and lines that start with `#` are skipped.

    Raises:
        ValueError: a line that is not a header; the message has its number, not its text.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                yield parse_line(line)
            except ValueError as error:
                raise ValueError(f"in line {number} {error}") from None


def resolve_references(headers: Mapping[str, str], env: Mapping[str, str]) -> dict[str, str]:
    """A copy of `headers` in which `env:VARIABLE` has become the variable's value.

    Raises:
        SettingsError: the variable is not set, is empty, or holds what HTTP does not allow in a header.
    """
    return {name: _resolve(name, value, env) for name, value in headers.items()}


def _resolve(name: str, value: str, env: Mapping[str, str]) -> str:
    if not value.startswith(REFERENCE):
        return value
    variable = value.removeprefix(REFERENCE)
    if not env.get(variable, "").strip():
        raise SettingsError(
            f"the header {name!r} needs the environment variable {variable}, which is not set",
            hint=f"set {variable}, or remove the header: -H '{name}:'",
        )
    value = env[variable].strip()
    if not _VALUE.fullmatch(value):
        raise SettingsError(f"{variable} holds a character that HTTP does not allow in the header {name!r}")
    return value


def on_the_wire(
    gateway_headers: Mapping[str, str],
    *,
    authorization: str,
    key_source: str = "api_key",
    sources: Mapping[str, str] | None = None,
) -> list[WireHeader]:
    """Every header of the request that does not depend on the host or the length of the body.

    Args:
        gateway_headers: the gateway scope, with its references resolved or not.
        sources: the source of each gateway header, by `gateway_headers.<lower-case name>`.
    """
    replaced = {name.lower() for name in gateway_headers}
    ours = [
        WireHeader(name, value, "respan") for name, value in _OURS.items() if name.lower() not in replaced
    ]
    sources = sources or {}
    theirs = [
        WireHeader(name, value, sources.get(f"gateway_headers.{name.lower()}", "settings"))
        for name, value in gateway_headers.items()
    ]
    return [*ours, *theirs, WireHeader("Authorization", authorization, key_source)]


def framing(url: str) -> list[WireHeader]:
    """The headers that the HTTP client adds by itself, to show them."""
    from respan_cli.settings.addresses import host_header

    lines = {"Host": host_header(url), "Connection": "keep-alive", "Content-Length": "(length of the body)"}
    return [WireHeader(name, value, "the HTTP client") for name, value in lines.items()]


def as_mapping(headers: Iterable[WireHeader]) -> dict[str, str]:
    """Names and values alone."""
    return {header.name: header.value for header in headers}


_OURS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "Content-Type": "application/json",
    "User-Agent": f"respan-cli/{__version__}",
    "anthropic-version": ANTHROPIC_VERSION,
}
