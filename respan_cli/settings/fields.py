"""The one table of settings: everything that flags, validation, help, completion and the docs say of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from respan_cli.settings import parsers, tables, urls

DEFAULT_PROFILE = "default"
PROFILE_VARIABLE = "RESPAN_PROFILE"
THREAD_VARIABLE = "RESPAN_THREAD"
DEFAULT_BASE_URL = "https://api.respan.ai/api/anthropic/"
DEFAULT_MODEL = "claude-sonnet-5-5"
# What completion offers; any other name is sent as well. A test holds them against the installed SDK.
MODELS = (
    "claude-sonnet-5-5",
    "claude-opus-5-5",
    "claude-haiku-5-5",
    "claude-fable-5-2",
    "claude-mythos-5-2",
    "claude-sonnet-5",
    "claude-opus-5",
    "claude-haiku-4-5",
)
KeyPath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One setting: everything that flags, validation, help, completion and the docs say of it.

    `parse` turns the value of any layer into the effective one (see `parsers`). A table merges key by key;
    `ignore_case` says that its keys are header names. A `secret` is never repeated in a message.
    """

    name: str
    parse: Callable[[object], Any]
    help: str
    flags: tuple[str, ...] = ()
    env: str | None = None
    default: object = None
    metavar: str = "TEXT"
    panel: str = "Message"
    table: bool = False
    ignore_case: bool = False
    secret: bool = False

    @property
    def flag(self) -> str:
        """The flag that messages name: the first long one, or nothing."""
        return next((flag for flag in self.flags if flag.startswith("--")), "")

    def path(self, key: str | None = None) -> KeyPath:
        """The path of this field, or of one key of its table, in a layer."""
        if key is None:
            return (self.name,)
        return (self.name, key.lower() if self.ignore_case else key)


FIELDS: tuple[Field, ...] = (
    Field(
        "api_key",
        parsers.text,
        "Respan API key.",
        env="RESPAN_API_KEY",
        secret=True,
    ),
    Field(
        "api_key_command",
        parsers.text,
        "Command that prints the key; run without a shell, only to send.",
        metavar="COMMAND",
    ),
    Field(
        "base_url",
        urls.base_url,
        "URL of the gateway's Anthropic endpoint.",
        flags=("--base-url",),
        env="RESPAN_BASE_URL",
        default=DEFAULT_BASE_URL,
        metavar="URL",
        panel="Connection",
    ),
    Field(
        "model",
        parsers.line,
        "Model to ask.",
        flags=("-m", "--model"),
        env="RESPAN_MODEL",
        default=DEFAULT_MODEL,
        metavar="MODEL",
    ),
    Field(
        "max_tokens",
        parsers.positive_integer,
        "Maximum tokens in the answer.",
        flags=("--max-tokens",),
        env="RESPAN_MAX_TOKENS",
        default=4096,
        metavar="N",
    ),
    Field(
        "system",
        parsers.text,
        "System prompt; @FILE reads it from a file.",
        flags=("-s", "--system"),
    ),
    Field(
        "customer_identifier",
        parsers.identifier,
        "Customer ID that logs and costs are attributed to.",
        flags=("--customer-identifier", "--customer-id"),
        env="RESPAN_CUSTOMER_ID",
        metavar="ID",
        panel="Identity",
    ),
    Field(
        "custom_identifier",
        parsers.identifier,
        "Your ID for this request; 'auto' generates a UUID.",
        flags=("--custom-identifier", "--custom-id"),
        env="RESPAN_CUSTOM_ID",
        metavar="ID",
        panel="Identity",
    ),
    Field(
        "metadata",
        tables.metadata,
        "Metadata logged with the request, such as agent=committer.",
        flags=("-M", "--metadata"),
        env="RESPAN_METADATA",
        metavar="KEY=VALUE",
        panel="Identity",
        table=True,
    ),
    Field(
        "respan_params",
        tables.respan_params,
        "Any other Respan parameter: KEY=TEXT or KEY:=JSON.",
        flags=("--param",),
        metavar="KEY=TEXT",
        panel="Identity",
        table=True,
        secret=True,
    ),
    Field(
        "headers",
        tables.header_table,
        "Header that the gateway forwards to the model's provider.",
        flags=("-H", "--header"),
        metavar="'NAME: VALUE'",
        panel="Connection",
        table=True,
        ignore_case=True,
        secret=True,
    ),
    Field(
        "gateway_headers",
        tables.header_table,
        "HTTP header for the gateway itself (not forwarded).",
        flags=("--gateway-header",),
        metavar="'NAME: VALUE'",
        panel="Connection",
        table=True,
        ignore_case=True,
        secret=True,
    ),
    Field(
        "timeout",
        parsers.seconds,
        "Idle timeout in seconds.",
        flags=("--timeout",),
        env="RESPAN_TIMEOUT",
        default=600.0,
        metavar="SECONDS",
        panel="Connection",
    ),
    Field(
        "max_retries",
        parsers.count,
        "Maximum retries after a transient failure.",
        flags=("--max-retries",),
        env="RESPAN_MAX_RETRIES",
        default=2,
        metavar="N",
        panel="Connection",
    ),
    Field(
        "required",
        parsers.setting_names,
        "Settings that must be set before anything is sent, such as customer_identifier.",
        metavar="LIST",
        default=(),
    ),
    Field(
        "inherits",
        parsers.text,
        "Another profile, which gives all that this one does not set.",
        metavar="PROFILE",
    ),
)
BY_NAME: dict[str, Field] = {field.name: field for field in FIELDS}
# Two ways to give the key: where a layer gives one, lower layers lose both.
KEY_FIELDS = ("api_key", "api_key_command")


def format_value(value: Any) -> str:
    """An effective value as text, in the form that `config set` takes: text as it is, else JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return ",".join(value) if isinstance(value, tuple) else json.dumps(value, ensure_ascii=False)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """ ", did you mean 'model'?" when a known word is near, else nothing."""
    import difflib

    words = {name.lstrip("-"): name for name in known}  # the dashes of two flags make no likeness
    near = difflib.get_close_matches(word.lstrip("-"), list(words), n=1, cutoff=0.6)
    return f", did you mean {words[near[0]]!r}?" if near else ""
