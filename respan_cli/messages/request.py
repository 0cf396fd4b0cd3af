"""One request as data, in the words of the Messages API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from respan_cli.settings.resolve import Settings

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class MessageRequest:
    """What is asked, in the words of the Messages API.

    Args:
        max_tokens: the most tokens the answer may have.
        respan_params: Respan's parameters; left out of the body when empty.
        extra_headers: headers the gateway forwards; left out of the body when empty.
        options: further fields of the body, such as `system`.
    """

    model: str
    max_tokens: int
    messages: Sequence[Mapping[str, Any]]
    respan_params: Mapping[str, Any]
    extra_headers: Mapping[str, str]
    options: Mapping[str, Any]

    def body(self) -> dict[str, Any]:
        """The JSON that is sent; always streamed, so that a long answer meets no time limit."""
        metadata = {"respan_params": self.respan_params, "extra_headers": self.extra_headers}
        kept = {name: dict(part) for name, part in metadata.items() if part}
        return {
            "model": self.model,
            "max_tokens": self.max_tokens,
            **self.options,
            "messages": list(self.messages),
            **({"metadata": kept} if kept else {}),
            "stream": True,
        }


def build(
    settings: Settings,
    messages: Sequence[Mapping[str, Any]],
    extra_headers: Mapping[str, str],
    options: Mapping[str, Any] | None = None,
) -> MessageRequest:
    """Put a request together.

    Args:
        settings: model, limits and identity.
        extra_headers: the forwarded headers, references resolved or not as the caller wants to see them.
    """
    system = {"system": settings.system} if settings.system else {}
    return MessageRequest(
        model=settings.model,
        max_tokens=settings.max_tokens,
        messages=messages,
        respan_params=_respan_params(settings),
        extra_headers=extra_headers,
        options={**system, **(options or {})},
    )


def user_turn(text: str, blocks: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """The prompt as a turn of the conversation: plain text, unless there are blocks to go with it.

    Blocks stand before the text that asks about them, as the API's documentation recommends
    (platform.claude.com, "Images and vision").
    """
    if not blocks:
        return {"role": "user", "content": text}
    return {"role": "user", "content": [*blocks, *([{"type": "text", "text": text}] if text else [])]}


def _respan_params(settings: Settings) -> dict[str, Any]:
    own = {
        "customer_identifier": settings.customer_identifier,
        "custom_identifier": _fresh_if_auto(settings.custom_identifier),
        "metadata": dict(settings.metadata),
    }
    return {**{name: value for name, value in own.items() if value}, **settings.respan_params}


def _fresh_if_auto(custom_identifier: str | None) -> str | None:
    if custom_identifier != AUTO:
        return custom_identifier
    from uuid import uuid4

    return str(uuid4())
