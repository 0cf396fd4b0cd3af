"""A request shown instead of sent: as JSON, as a curl command, as a Python program. Pure.

The printed programs run as they stand with `RESPAN_API_KEY` set. A header that refers to a variable
(`env:NAME`) stays a reference: to `$NAME` for the shell, to `os.environ["NAME"]` for Python.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from respan_cli.messages.request import build
from respan_cli.messages.user_json import Conversation
from respan_cli.settings.headers import KEY_PLACEHOLDER, WireHeader, as_mapping, on_the_wire
from respan_cli.settings.resolve import Settings
from respan_cli.terminal.redact import REFERENCE, redact

# Fields that the SDK's `create` takes by name; others go through its `extra_body`.
CREATE_FIELDS = frozenset(
    "cache_control container diagnostics inference_geo max_tokens messages metadata model output_config "
    "service_tier speed stop_sequences system thinking tool_choice tools".split()
)


class DryRunFormat(StrEnum):
    """The values of `--as`."""

    JSON = "json"
    CURL = "curl"
    PYTHON = "python"


@dataclass(frozen=True, slots=True)
class PrintedRequest:
    """A request and where it would go.

    Args:
        headers: the HTTP headers; the key only as its placeholder.
        body: the JSON of the message, its header references not resolved.
        timeout: seconds without a byte before giving up.
    """

    url: str
    headers: list[WireHeader]
    body: dict[str, Any]
    timeout: float

    @property
    def endpoint(self) -> str:
        """The URL that is posted to."""
        return self.url + "v1/messages"


def render_dry_run(
    settings: Settings, conversation: Conversation, form: DryRunFormat, *, show_secrets: bool
) -> str:
    """The request that the settings and a conversation make, printed.

    Args:
        show_secrets: show the values under secret names; the key is never shown.
    """
    body = redact(_body(settings, conversation), show_secrets=show_secrets, keep_references=True)
    gateway_headers = redact(settings.gateway_headers, show_secrets=show_secrets, keep_references=True)
    wire = on_the_wire(gateway_headers, authorization=KEY_PLACEHOLDER, sources=settings.sources)
    return show(PrintedRequest(settings.base_url, wire, body, settings.timeout), form)


def has_secrets(settings: Settings, conversation: Conversation) -> bool:
    """Whether a printed request has `[hidden]` where the real one has a secret, unless secrets are shown."""
    shown = (_body(settings, conversation), settings.gateway_headers)
    return redact(shown, keep_references=True) != shown


def _body(settings: Settings, conversation: Conversation) -> dict[str, Any]:
    return build(settings, conversation.turns, settings.headers, conversation.options).body()


def show(exchange: PrintedRequest, form: DryRunFormat) -> str:
    """The request in one of the three forms, with a final newline."""
    return _FORMS[form](exchange)


def _as_json(exchange: PrintedRequest) -> str:
    whole = {
        "method": "POST",
        "url": exchange.endpoint,
        "headers": as_mapping(exchange.headers),
        "body": exchange.body,
    }
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def _as_curl(exchange: PrintedRequest) -> str:
    from shlex import quote

    fields, references = _marked(exchange.body)
    body = json.dumps(fields)
    lines = [f"curl --silent --show-error --no-buffer --fail-with-body {quote(exchange.endpoint)}"]
    lines += [
        f"  --header {_shell_header(header, quote)}"
        for header in exchange.headers
        if header.name != "Accept-Encoding"  # curl prints what comes; it must not come compressed
    ]
    # The body stands in a here-document: an argument may not be longer than 128 KiB.
    delimiter = "RESPAN_BODY" if references else "'RESPAN_BODY'"
    lines.append(f"  --data-binary @- <<{delimiter}")
    if references:
        body = _escape_here(body)
    for mark, variable in references.items():
        body = body.replace(mark, _SHELL_REFERENCE.replace("NAME", variable))
    return " \\\n".join(lines) + f"\n{body}\nRESPAN_BODY\n"


def _shell_header(header: WireHeader, quote: Callable[[str], str]) -> str:
    if header.value.startswith(REFERENCE):
        # The name apart: a header may be called `$x`, backticks and all.
        return f'{quote(f"{header.name}: ")}"${{{header.value.removeprefix(REFERENCE)}}}"'
    if header.value == KEY_PLACEHOLDER:
        return f'"{header.name}: {header.value}"'
    return quote(f"{header.name}: {header.value}")


def _escape_here(text: str) -> str:
    for character in "\\$`":
        text = text.replace(character, "\\" + character)
    return text


def _as_python(exchange: PrintedRequest) -> str:
    body = dict(exchange.body)
    del body["stream"]  # the documented snippet takes the message whole
    extra = {name: body.pop(name) for name in list(body) if name not in CREATE_FIELDS}
    arguments = {**body, **({"extra_body": extra} if extra else {})}
    gateway = {header.name: header.value for header in exchange.headers if header.source != "respan"}
    gateway.pop("Authorization", None)
    if gateway:
        arguments["extra_headers"] = gateway
    fields, references = _marked(arguments)
    printed = "".join(f"    {name}={_literal(value)},\n" for name, value in fields.items())
    for mark, variable in references.items():
        printed = printed.replace(repr(mark), f'os.environ["{variable}"]')
    return _PYTHON.format(url=_literal(exchange.url), timeout=exchange.timeout, arguments=printed)


def _literal(value: object) -> str:
    from pprint import pformat

    return pformat(value, width=100, sort_dicts=False).replace("\n", "\n    ")


def _marked(fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """A copy of the fields with a mark in place of each header reference, and the variable of each mark.

    A mark is a word that stands nowhere else in the fields, so that it can be replaced in the printed text.
    """
    copy = deepcopy(dict(fields))
    stem = "RESPAN_REFERENCE_"
    while stem in json.dumps(copy):
        stem += "_"
    references: dict[str, str] = {}
    tables: list[dict[str, str]] = [
        copy.get("extra_headers", {}),
        copy.get("metadata", {}).get("extra_headers", {}),
    ]
    for table in tables:
        for name, value in table.items():
            if value.startswith(REFERENCE):
                table[name] = f"{stem}{len(references)}."
                references[table[name]] = value.removeprefix(REFERENCE)
    return copy, references


_FORMS: dict[DryRunFormat, Callable[[PrintedRequest], str]] = {
    DryRunFormat.JSON: _as_json,
    DryRunFormat.CURL: _as_curl,
    DryRunFormat.PYTHON: _as_python,
}

# The variable's value as the inside of a JSON string; a header value has no control characters to escape.
_SHELL_REFERENCE = """$(printf %s "$NAME" | sed 's/["\\\\]/\\\\&/g')"""

_PYTHON = """\
import os

import anthropic

client = anthropic.Anthropic(
    base_url={url},
    api_key=os.environ["RESPAN_API_KEY"],
    timeout={timeout!r},
)

message = client.messages.create(
{arguments})

print(message.content)
"""
