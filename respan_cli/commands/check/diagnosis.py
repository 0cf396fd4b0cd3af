"""What a failure of a stage means, and the command to type next. Pure.

The failures themselves say what was seen; the other two lines are looked up in `diagnosis_texts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from shlex import quote
from typing import Any

from respan_cli.commands.check.diagnosis_texts import TEXTS, Text
from respan_cli.errors import AuthenticationError, FailureKind, RespanError
from respan_cli.settings.addresses import authority, host_and_port
from respan_cli.settings.fields import DEFAULT_MODEL, DEFAULT_PROFILE
from respan_cli.settings.urls import is_this_machine

SANDBOX = "the sandbox"  # where its key comes from
KEY_VARIABLE = "RESPAN_API_KEY"
_KINDS = frozenset(FailureKind)


@dataclass(frozen=True, slots=True)
class DiagnosisContext:
    """The values that a diagnosis can refer to; all empty before the settings are known."""

    profile: str = DEFAULT_PROFILE
    base_url: str = ""
    url_source: str = ""
    model: str = ""
    model_source: str = ""
    key_source: str = ""
    proxy: str = ""  # the active one, as `export` would set it, with placeholders for user and password
    plain_proxy: str = ""  # the same with http://
    proven: bool = False  # whether the gateway has accepted the key already
    odd: bool = False  # whether the answer to the request without a key was none of a gateway
    unpaid: bool = False  # whether the check sends no message
    typed: str = ""  # the other flags that change the request, each after a space
    timeout: float = 0.0
    log_timeout: float = 0.0

    @property
    def p(self) -> str:
        """` -p NAME`, unless the default profile is meant."""
        return "" if self.profile == DEFAULT_PROFILE else f" -p {quote(self.profile)}"

    @property
    def host(self) -> str:
        """The host of the base URL."""
        return host_and_port(self.base_url)[0] if self.base_url else ""

    @property
    def _where(self) -> str:
        """The flags that choose the gateway, to repeat them in a command."""
        if self.key_source == SANDBOX:
            return " --sandbox"
        return f" --base-url {quote(self.base_url)}" if self._url_was_typed else ""

    @property
    def _which(self) -> str:
        """The flags that choose the model."""
        return f" --model {quote(self.model)}" if self.model_source.startswith("-") else ""

    @property
    def _url_was_typed(self) -> bool:
        return self.url_source.startswith("-")

    @property
    def _unpaid(self) -> str:
        return " --no-send" if self.unpaid else ""

    @property
    def _show(self) -> str:
        """The next step for a wrong base URL: show its source, unless it was typed."""
        if not self._url_was_typed:
            return f"respan config show --origin{self.p}"
        return f"{self._elsewhere}  # without --base-url: the one of your settings"

    @property
    def _elsewhere(self) -> str:
        return f"respan check{self._unpaid}{self.p}{self._which}{self.typed}"

    @property
    def _post(self) -> str:
        """The request that failed, once more: the same POST, by curl where it has the key."""
        if self.unpaid:
            return f"curl -i -d '{{}}' {self._endpoint}"
        if self.key_source != KEY_VARIABLE:
            return f"{self._again} --debug"
        send = f"respan send ping --max-tokens 1{self.p}{self._where}{self._which}{self.typed}"
        return f"{send} --no-stdin --as curl | sh"

    @property
    def _again(self) -> str:
        return f"respan check{self._unpaid}{self.p}{self._where}{self._which}{self.typed}"

    @property
    def _endpoint(self) -> str:
        return quote(f"{self.base_url}v1/messages")

    def words(self, failure: RespanError) -> dict[str, str]:
        """Everything that a text may name, ready to be typed where a command names it."""
        return {
            "p": self.p,
            "show": self._show,
            "again": self._again,
            "elsewhere": self._elsewhere,
            "post": self._post,
            "endpoint": self._endpoint,
            "other_model": f"respan check{self.p}{self._where}{self.typed} --model {DEFAULT_MODEL}",
            "dry_run": f"respan send --dry-run ping{self.p}{self._where}{self._which}{self.typed}",
            "longer": f"{max(60, 2 * self.timeout):g}",
            "longer_log": f"{max(600, 2 * self.log_timeout):g}",
            "host": quote(self.host),
            "authority": quote(authority(*host_and_port(self.base_url))) if self.base_url else "",
            "proxy": self.proxy,
            "plain_proxy": self.plain_proxy,
            "plain": quote(self.base_url.replace("https://", "http://", 1)),
            "model": self.model,
            "model_source": self.model_source,
            "key_source": self.key_source,
            "key_state": "the gateway accepted the key" if self.proven else "the key is not proven",
            "wait": f"{failure.retry_after or 30:g}",
        }


def diagnose(failure: RespanError, stage: str, known: DiagnosisContext) -> RespanError:
    """The failure with its three lines: the error, its meaning, the command to type next."""
    means, command = _text(failure, stage, known)
    seen = f"{failure.message}: {failure.reason}" if failure.reason else failure.message
    words = known.words(failure)
    # In the settings stage the failure itself knows best what to do.
    own = failure.hint if stage == "settings" else None
    explained = failure.with_message(f"{stage}: {seen}").with_reason(means.format_map(words))
    return explained.with_hint(own or command.format_map(words))


def _text(failure: RespanError, stage: str, known: DiagnosisContext) -> Text:
    stage = "message" if stage == "repeat" else stage
    return next(TEXTS[key] for key in _keys(failure, stage, known) if key in TEXTS)


def _keys(failure: RespanError, stage: str, known: DiagnosisContext) -> Iterator[str]:
    """The keys of `TEXTS` that describe a failure, the most exact first."""
    if failure.kind in _KINDS:
        yield from _kind_keys(failure, known)
    # Before the kind of an API error, which may have the name of a stage. Inside a stream, the status is 200.
    if failure.status in (401, 403) or isinstance(failure, AuthenticationError):
        yield from _key_keys(stage, known)
    if known.proxy and stage != "log":
        yield f"proxied {failure.default_kind}"
    yield failure.kind
    if 300 <= (failure.status or 0) < 400:
        yield "redirect"
    if failure.status == 404 and known.model != DEFAULT_MODEL and not known.odd:
        yield f"{stage} 404 model"
    if known.odd:
        yield f"odd {stage} {failure.default_kind}"
    yield f"{stage} {failure.status}"
    yield f"{stage} {failure.default_kind}"
    yield stage
    yield "any"


def _kind_keys(failure: RespanError, known: DiagnosisContext) -> Iterator[str]:
    if known.proxy:
        yield f"proxied {failure.kind}"
    if failure.kind == FailureKind.DNS and known.url_source == "default":
        yield "dns default"
    if failure.kind == FailureKind.TLS_NONE and is_this_machine(known.host):
        yield "tls_none here"
    yield failure.kind


def _key_keys(stage: str, known: DiagnosisContext) -> Iterator[str]:
    if stage == "message" and known.proven:
        yield "provider key" if known.model == DEFAULT_MODEL else "provider key model"
    if stage == "log":
        yield "log_forbidden"
    yield f"key {known.key_source}"
    yield "key profile" if known.key_source.startswith("profile ") else "key"


def lines(failure: RespanError) -> dict[str, Any]:
    """A diagnosed failure for `--json`."""
    return {
        "seen": failure.message,
        "means": failure.reason,
        "next": failure.hint,
        "type": failure.kind,
        "status": failure.status,
        "retryable": failure.retryable,
        "retry_after": failure.retry_after,
        "request_id": failure.request_id,
        "log_id": failure.log_id,
    }
