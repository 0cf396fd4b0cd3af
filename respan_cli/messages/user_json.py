"""The body of a message beyond the settings: turns from a file, further fields, structured output. Pure.

It comes from the user's own JSON; what is wrong with it is said by its place ("messages[1].role").
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from respan_cli.errors import UsageError
from respan_cli.settings import strict_json
from respan_cli.settings.parsers import check_sendable

ROLES = ("user", "assistant", "system")

# Fields of the body that something else on the command line says, and what does.
_SAID_BY = {
    "model": "--model",
    "max_tokens": "--max-tokens",
    "messages": "--messages",
    "system": "--system",
    "stop_sequences": "--stop",
    "metadata": "--customer-id, --custom-id, --metadata, --param or --header",
}
_SAID_BY_IN_OUTPUT_CONFIG = {"effort": "--effort", "format": "--schema"}

Turn = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Conversation:
    """The messages, and the fields of the request body that go with them.

    Args:
        turns: the messages, oldest first.
    """

    turns: Sequence[Turn]
    options: Mapping[str, Any] = field(default_factory=dict)


def parse(text: str, name: str) -> Any:
    """The JSON value of a text.

    Raises:
        UsageError: it is not JSON; the message names line and column.
    """
    try:
        return strict_json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise UsageError(f"{name} is not JSON", reason=f"{error.msg} ({where})") from None
    except ValueError as error:
        raise UsageError(f"{name} is not JSON", reason=str(error)) from None


def parse_input(text: str, name: str) -> Any:
    """The JSON value of a text that is to be sent.

    Raises:
        UsageError: as `parse`; or it holds what cannot be sent (`values.check_sendable`).
    """
    value = parse(text, name)
    try:
        check_sendable(value)
    except ValueError as error:
        raise UsageError(f"{name} {error}") from None
    return value


def read_turns(value: object, name: str) -> list[Turn]:
    """The turns of a `--messages` file, checked.

    Raises:
        UsageError: it is not an array of Anthropic messages; the message says why.
    """
    if isinstance(value, dict) and "messages" in value:
        raise UsageError(
            f"{name} is a JSON object, not an array of messages",
            hint="take its messages out first: jq .messages",
        )
    if not isinstance(value, list):
        raise UsageError(f"{name} is not a JSON array of messages", hint=_EXAMPLE)
    for index, turn in enumerate(value):
        if wrong := _wrong_with(turn):
            raise UsageError(f"{name}: messages[{index}]{wrong}", hint=_EXAMPLE)
    return value


_EXAMPLE = """for example: [{"role": "user", "content": "Hello"}]"""


def _wrong_with(turn: object) -> str | None:
    if not isinstance(turn, dict):
        return " is not an object"
    if missing := [name for name in ("role", "content") if name not in turn]:
        return f" has no {missing[0]}"
    if turn["role"] not in ROLES:
        return f".role is not one of {', '.join(ROLES)}"
    return _wrong_with_content(turn["content"])


def _wrong_with_content(content: object) -> str | None:
    if not isinstance(content, (str, list)):
        return ".content is neither text nor an array of blocks"
    if not content:
        return ".content is empty"
    blocks = content if isinstance(content, list) else []
    for index, block in enumerate(blocks):
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            return f".content[{index}] is not a block: an object with a type"
    return None


def body_options(
    *, extra: object = None, stops: Sequence[str] = (), effort: str | None = None, schema: object = None
) -> dict[str, Any]:
    """The further fields of the body that the flags ask for.

    Args:
        stops: where the answer is to stop.
        effort: how hard the model is to think, in the API's words.

    Raises:
        UsageError: `extra` is no object, or sets what another flag says; a stop text is empty.
    """
    options = _checked_extra(extra)
    if not all(stops):
        raise UsageError("--stop needs a text to stop at")
    try:
        check_sendable(stops)
    except ValueError as error:
        raise UsageError(f"--stop {error}") from None
    if stops:
        options["stop_sequences"] = list(stops)
    form = None if schema is None else {"type": "json_schema", "schema": schema}
    level = effort and str(effort)  # a plain text, which Python prints as one
    config = {**options.get("output_config", {}), "effort": level, "format": form}
    config = {name: value for name, value in config.items() if value is not None}
    return {**options, "output_config": config} if config else options


def _checked_extra(extra: object) -> dict[str, Any]:
    if extra is None:
        return {}
    if not isinstance(extra, dict):
        raise UsageError("--extra-body is not a JSON object", hint="""for example '{"top_k": 5}'""")
    if "stream" in extra:
        raise UsageError("--extra-body sets 'stream': every answer is streamed")
    config = extra.get("output_config", {})
    if not isinstance(config, dict):
        raise UsageError("--extra-body sets 'output_config' to what is not an object")
    for prefix, fields, said_by in (
        ("", extra, _SAID_BY),
        ("output_config.", config, _SAID_BY_IN_OUTPUT_CONFIG),
    ):
        for name in fields:
            if name in said_by:
                raise UsageError(
                    f"--extra-body sets {prefix + name!r}, which has a flag of its own",
                    hint=f"use {said_by[name]}",
                )
    return dict(extra)


def check_schema(value: object, name: str) -> dict[str, Any]:
    """A JSON Schema that the API can be given.

    Raises:
        UsageError: it is not a JSON object.
    """
    if not isinstance(value, dict):
        raise UsageError(
            f"{name} is not a JSON Schema: a JSON object is expected",
            hint="""for example {"type": "object", "properties": {"city": {"type": "string"}}}""",
        )
    return value


def parsed(options: Mapping[str, Any], text: str) -> dict[str, Any]:
    """`{"parsed": value}` when the options asked for JSON; null if the text is none. Else nothing."""
    if "format" not in options.get("output_config", {}):
        return {}
    try:
        return {"parsed": parse(text, "the answer")}
    except UsageError:
        return {"parsed": None}


def check_answer(options: Mapping[str, Any], text: str) -> str | None:
    """Why an answer is not the JSON that the options asked for; None if it is, or if they did not ask."""
    if "format" not in options.get("output_config", {}):
        return None
    try:
        parse(text, "the answer")
    except UsageError as error:
        return error.reason
    return None
