"""The one table of settings: everything that flags, validation, help, completion and the docs say of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from respan_cli.settings import parsers

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
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One setting: everything that flags, validation, help, completion and the docs say of it.

    `read` turns a value from any layer into the value in force (see `values`). A table merges key by key;
    `ignore_case` says that its keys are header names. A `secret` is never repeated in a message.
    """

    name: str
    read: Callable[[object], Any]
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

    def path(self, key: str | None = None) -> Path:
        """Where this field, or one key of its table, stands in a layer."""
        if key is None:
            return (self.name,)
        return (self.name, key.lower() if self.ignore_case else key)


FIELDS: tuple[Field, ...] = (
    Field(
        "api_key",
        parsers.text,
        "The Respan API key.",
        env="RESPAN_API_KEY",
        secret=True,
    ),
    Field(
        "api_key_command",
        parsers.text,
        "A command line whose output is the key, run without a shell when a request is made.",
        metavar="COMMAND",
    ),
    Field(
        "base_url",
        parsers.base_url,
        "Where the gateway's Anthropic endpoint is.",
        flags=("--base-url",),
        env="RESPAN_BASE_URL",
        default=DEFAULT_BASE_URL,
        metavar="URL",
        panel="Connection",
    ),
    Field(
        "model",
        parsers.text,
        "The model that answers.",
        flags=("-m", "--model"),
        env="RESPAN_MODEL",
        default=DEFAULT_MODEL,
        metavar="MODEL",
    ),
    Field(
        "max_tokens",
        parsers.positive_integer,
        "The most tokens the answer may have.",
        flags=("--max-tokens",),
        env="RESPAN_MAX_TOKENS",
        default=4096,
        metavar="N",
    ),
    Field(
        "system",
        parsers.text,
        "The system prompt.",
        flags=("-s", "--system"),
    ),
    Field(
        "customer_identifier",
        parsers.identifier,
        "Who the customer is: the name that Respan's log and costs are kept under.",
        flags=("--customer-identifier", "--customer-id"),
        env="RESPAN_CUSTOMER_ID",
        metavar="ID",
        panel="Identity",
    ),
    Field(
        "custom_identifier",
        parsers.identifier,
        "Your own name for this request, to find it in the log; 'auto' makes a fresh UUID for each.",
        flags=("--custom-identifier", "--custom-id"),
        env="RESPAN_CUSTOM_ID",
        metavar="ID",
        panel="Identity",
    ),
    Field(
        "metadata",
        parsers.metadata,
        "Metadata kept with the request, such as agent=committer.",
        flags=("-M", "--metadata"),
        env="RESPAN_METADATA",
        metavar="KEY=VALUE",
        panel="Identity",
        table=True,
    ),
    Field(
        "respan_params",
        parsers.respan_params,
        "Any other Respan parameter.",
        flags=("--param",),
        metavar="KEY=JSON",
        panel="Identity",
        table=True,
        secret=True,
    ),
    Field(
        "headers",
        parsers.header_table,
        "A header that the gateway forwards to the model's provider.",
        flags=("-H", "--header"),
        metavar="'NAME: VALUE'",
        panel="Connection",
        table=True,
        ignore_case=True,
        secret=True,
    ),
    Field(
        "gateway_headers",
        parsers.header_table,
        "A real HTTP header of the request to the gateway.",
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
        "Seconds without a byte before giving up.",
        flags=("--timeout",),
        env="RESPAN_TIMEOUT",
        default=600.0,
        metavar="SECONDS",
        panel="Connection",
    ),
    Field(
        "max_retries",
        parsers.count,
        "How often a request that failed in passing is tried again.",
        flags=("--max-retries",),
        env="RESPAN_MAX_RETRIES",
        default=2,
        metavar="N",
        panel="Connection",
    ),
    Field(
        "required",
        parsers.names,
        "Settings without which nothing is sent, such as customer_identifier.",
        metavar="LIST",
        default=(),
    ),
)
BY_NAME: dict[str, Field] = {field.name: field for field in FIELDS}
# Two ways to say one thing: whoever says one of them takes away what lower layers said of the other.
KEY_FIELDS = ("api_key", "api_key_command")


def shown(value: Any) -> str:
    """A value in force as text, in the form that `config set` takes: text as it is, else JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return ",".join(value) if isinstance(value, tuple) else json.dumps(value, ensure_ascii=False)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """ ", did you mean 'model'?" when something known is near, else nothing."""
    import difflib

    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f", did you mean {near[0]!r}?" if near else ""
