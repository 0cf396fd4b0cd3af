"""From a row to its request: the row's values over the settings of the command, and the tags of the run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import PurePath
from typing import Any
from uuid import uuid4

from respan_cli.batch.rows import Row, RowReader, canonical_json, hash_of
from respan_cli.errors import UsageError
from respan_cli.messages.request import AUTO, MessageRequest, user_turn
from respan_cli.messages.template import Template, parse_template
from respan_cli.messages.user_json import Turn, parse_input, read_turns
from respan_cli.settings.fields import BY_NAME
from respan_cli.settings.layers import read_field
from respan_cli.settings.parsers import MAX_IDENTIFIER_LENGTH
from respan_cli.settings.resolve import Settings

ROW_SETTINGS = ("model", "system", "max_tokens", "customer_identifier", "custom_identifier", "metadata")
_ROW_SETTINGS = frozenset(ROW_SETTINGS)
_TEMPLATED = ("customer_identifier", "custom_identifier")
_RUN_NAME_LIMIT = 80  # characters of the input's name in the name of a run


@dataclass(frozen=True, slots=True)
class RowRequest:
    """The request of one row.

    Args:
        row: the row.
        request: the message.
        digest: the SHA-256 of the body, without the tags of the run and what is new in every run.
    """

    row: Row
    request: MessageRequest
    digest: bytes


@dataclass(frozen=True, slots=True)
class _RowSettings:
    """The settings that a row can override."""

    model: str
    system: str | None
    max_tokens: int
    customer_identifier: str | None
    custom_identifier: str | None
    metadata: Mapping[str, str]


class RequestBuilder:
    """Makes the requests of one run.

    Args:
        settings: those of the command.
        headers: the forwarded headers.
        options: further fields of the body.
        reader: the input, for messages about it.
        prompt: what makes a prompt from the columns of a row, if something does.
        run: the name of the run; by default the input's name and the hash of its first row.

    Raises:
        UsageError: a flag's template is none.
    """

    def __init__(
        self,
        settings: Settings,
        headers: Mapping[str, str],
        options: Mapping[str, Any],
        reader: RowReader,
        *,
        prompt: Template | None = None,
        run: str | None = None,
    ) -> None:
        self.run = run
        self._settings = settings
        self._headers = headers
        self._options = options
        self._reader = reader
        self._prompt = prompt
        self._base = _RowSettings(**{name: getattr(settings, name) for name in ROW_SETTINGS})
        self._templates = _templates_of(settings)
        self._metadata_templates = {
            key: parse_template(value, f"--metadata {key}", error=UsageError)
            for key, value in settings.metadata.items()
            if _is_flag(settings, f"metadata.{key}") and _has_brace(value)
        }

    def name_run(self, first: Row) -> str:
        """The name of the run, once its first row is known."""
        if self.run is None:
            stem = PurePath(self._reader.name).stem[:_RUN_NAME_LIMIT] or "batch"
            self.run = f"{stem.replace(' ', '-')}-{hash_of(first.values).hex()[:8]}"
        return self.run

    def build(self, row: Row) -> RowRequest:
        """The request of a row.

        Raises:
            UsageError: the row has no prompt, or a value that its setting does not accept.
        """
        settings, untagged = self._untagged(row)
        request = replace(untagged, respan_params=self._params_with_tags(settings, row))
        return RowRequest(row, request, self._digest(untagged, row))

    def check(self, row: Row) -> bytes:
        """Check a row as `build` does; the digest of its request.

        Raises:
            UsageError: as `build`.
        """
        settings, untagged = self._untagged(row)
        self._custom_identifier(settings, row)
        return self._digest(untagged, row)

    def _untagged(self, row: Row) -> tuple[_RowSettings, MessageRequest]:
        settings = self._settings_of(row)
        if self._settings.required:
            self._check_required(settings, row)
        custom = None if settings.custom_identifier == AUTO else settings.custom_identifier
        params = self._params(settings, custom, settings.metadata)
        return settings, self._message(settings, self._turns(row), params)

    def _message(
        self, settings: _RowSettings, turns: Sequence[Turn], params: Mapping[str, Any]
    ) -> MessageRequest:
        system = {"system": settings.system} if settings.system else {}
        return MessageRequest(
            model=settings.model,
            max_tokens=settings.max_tokens,
            messages=turns,
            respan_params=params,
            extra_headers=self._headers,
            options={**system, **self._options},
        )

    def _params(
        self, settings: _RowSettings, custom: str | None, metadata: Mapping[str, str]
    ) -> dict[str, Any]:
        own = {
            "customer_identifier": settings.customer_identifier,
            "custom_identifier": custom,
            "metadata": metadata,
        }
        return {**{name: value for name, value in own.items() if value}, **self._settings.respan_params}

    def _custom_identifier(self, settings: _RowSettings, row: Row) -> str:
        custom = settings.custom_identifier or f"{self.run}/{row.id}"
        if len(custom) > MAX_IDENTIFIER_LENGTH:
            message = f"the custom identifier {custom[:40]}… has more than {MAX_IDENTIFIER_LENGTH} characters"
            raise self._reader.error(row.line, message, hint="give shorter ids, or a shorter --run")
        return custom

    def _params_with_tags(self, settings: _RowSettings, row: Row) -> dict[str, Any]:
        custom = self._custom_identifier(settings, row)
        metadata = {"batch": self.run or "", **settings.metadata}
        return self._params(settings, str(uuid4()) if custom == AUTO else custom, metadata)

    def _digest(self, request: MessageRequest, row: Row) -> bytes:
        try:
            return sha256(canonical_json(request.body()).encode()).digest()
        except UnicodeEncodeError:
            raise self._reader.error(row.line, "holds half of a character (a lone surrogate)") from None

    def _turns(self, row: Row) -> Sequence[Turn]:
        where = f"{self._reader.name}, line {row.line}"
        if self._prompt:
            return [user_turn(self._nonempty(self._fill(self._prompt, row), row))]
        messages, prompt = row.values.get("messages"), row.values.get("prompt")
        if self._reader.cells_are_text:
            messages = parse_input(messages, f"{where}: messages") if messages else None
            prompt = prompt or (None if messages else prompt)
        last = [] if prompt is None else [user_turn(self._nonempty(prompt, row))]
        if messages is not None:
            return [*read_turns(messages, f"{where}: messages"), *last]
        if not last:
            raise self._reader.error(
                row.line,
                "has neither a prompt nor messages",
                hint="--prompt 'Translate: {text}' makes a prompt from a column named text",
            )
        return last

    def _nonempty(self, prompt: object, row: Row) -> str:
        if not isinstance(prompt, str):
            raise self._reader.error(row.line, "the prompt is not text")
        if not prompt.strip():
            raise self._reader.error(row.line, "the prompt is empty")
        return prompt

    def _fill(self, template: Template, row: Row) -> str:
        if missing := template.missing(row.values):
            message = f"{template.name} uses a column {missing[0]!r}, which the row does not have"
            raise self._reader.error(row.line, message, hint=f"its columns: {', '.join(row.values)}")
        return template.fill({name: _as_text(row.values[name]) for name in template.names})

    def _settings_of(self, row: Row) -> _RowSettings:
        given = row.values.keys() & _ROW_SETTINGS
        if not (given or self._templates or self._metadata_templates):
            return self._base
        values: dict[str, Any] = {}
        metadata = dict(self._base.metadata)
        for name, template in self._templates.items():
            flag = BY_NAME[name].flag
            values |= self._read(name, self._fill(template, row), flag, row)
        for key, template in self._metadata_templates.items():
            text = self._fill(template, row)
            metadata = _merged(metadata, self._read("metadata", {key: text}, "--metadata", row))
        for name in filter(lambda name: self._says(row.values[name]), given):
            found = self._read(name, row.values[name], name, row)
            if name == "metadata":
                metadata = {} if row.values[name] == "" else _merged(metadata, found)
            else:
                values |= found
        defaults = {name: BY_NAME[name].default for name, value in values.items() if value is None}
        return replace(self._base, **{**values, **defaults}, metadata=metadata)

    def _says(self, value: object) -> bool:
        """Whether a row gives the setting: an empty cell and null do not."""
        return value is not None and not (value == "" and self._reader.cells_are_text)

    def _read(self, name: str, raw: object, source: str, row: Row) -> dict[str, Any]:
        """The value of one setting; of metadata, each key with its value, or None for one that is unset."""
        where = f"{self._reader.name}, line {row.line}: {source}"
        layer = read_field(BY_NAME[name], raw, name=where, source="row", error=UsageError)
        return {path[-1]: value.value for path, value in layer.items()}

    def _check_required(self, settings: _RowSettings, row: Row) -> None:
        """Reject a row without the settings that the profile requires and a row can give."""
        for name in self._settings.required:
            word, _, key = name.partition(".")
            if word in _ROW_SETTINGS:
                value = getattr(settings, word)
                if not (value.get(key) if key and value else value):
                    message = f"has no {name}, which profile {self._settings.profile!r} requires"
                    raise self._reader.error(row.line, message)


def _merged(metadata: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    both = {**metadata, **changes}
    return {key: value for key, value in both.items() if value is not None}


def _templates_of(settings: Settings) -> dict[str, Template]:
    return {
        name: parse_template(value, BY_NAME[name].flag, error=UsageError)
        for name in _TEMPLATED
        if _is_flag(settings, name) and _has_brace(value := getattr(settings, name))
    }


def _is_flag(settings: Settings, name: str) -> bool:
    return settings.sources.get(name, "").startswith("--")


def _has_brace(value: str) -> bool:
    return "{" in value or "}" in value


def _as_text(value: object) -> str:
    """A value of a row as text: text as it is, nothing for null, anything else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
