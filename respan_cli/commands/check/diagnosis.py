"""What a failure of a stage means, and the command to type next. Pure.

The failures themselves say what was seen; here are the other two lines. A failure is looked up by its kind,
then by its stage and HTTP status or class; the texts may name the facts of `DiagnosisContext`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from shlex import quote
from typing import Any

from respan_cli.commands.check.probes import authority, host_and_port
from respan_cli.errors import AuthenticationError, RespanError
from respan_cli.settings.fields import DEFAULT_MODEL, DEFAULT_PROFILE
from respan_cli.settings.pages import CREDITS_PAGE, KEYS_PAGE, PROVIDERS_PAGE
from respan_cli.settings.urls import is_this_machine

SANDBOX = "the sandbox"  # where its key comes from


@dataclass(frozen=True, slots=True)
class DiagnosisContext:
    """What the two lines may refer to; all empty as long as the settings are not known."""

    profile: str = DEFAULT_PROFILE
    base_url: str = ""
    url_source: str = ""
    model: str = ""
    model_source: str = ""
    key_source: str = ""
    proxy: str = ""  # the one in force, as `export` would name it, with words for user and password
    proven: bool = False  # whether the gateway has taken the key already
    typed: str = ""  # the other flags that say what is sent, each after a space
    timeout: float = 0.0
    log_timeout: float = 0.0

    @property
    def p(self) -> str:
        """` -p NAME`, unless the default profile is meant."""
        return "" if self.profile == DEFAULT_PROFILE else f" -p {quote(self.profile)}"

    @property
    def host(self) -> str:
        """The host of the base URL."""
        return host_and_port(self.base_url)[0]

    @property
    def _where(self) -> str:
        """What the command line said of where to send, so that the same can be typed again."""
        if self.key_source == SANDBOX:
            return " --sandbox"
        return f" --base-url {quote(self.base_url)}" if self._url_was_typed else ""

    @property
    def _which(self) -> str:
        """What it said of the model."""
        return f" --model {quote(self.model)}" if self.model_source.startswith("-") else ""

    @property
    def _url_was_typed(self) -> bool:
        return self.url_source.startswith("-")

    def words(self, failure: RespanError) -> dict[str, str]:
        """Everything that a text may name, ready to be typed where a command names it."""
        elsewhere = f"respan check{self.p}{self._which}{self.typed}"
        return {
            "p": self.p,
            # Of a URL that was typed, the settings know nothing: what they say themselves is worth a try.
            "show": elsewhere if self._url_was_typed else f"respan config show --origin{self.p}",
            "again": f"respan check{self.p}{self._where}{self._which}{self.typed}",
            "elsewhere": elsewhere,
            "other_model": f"respan check{self.p}{self._where}{self.typed} --model {DEFAULT_MODEL}",
            "dry_run": f"respan send --dry-run ping{self.p}{self._where}{self._which}{self.typed}",
            "longer": f"{max(60, 2 * self.timeout):g}",
            "longer_log": f"{max(600, 2 * self.log_timeout):g}",
            "host": quote(self.host),
            "authority": quote(authority(*host_and_port(self.base_url))),
            "url": quote(self.base_url),
            "proxy": self.proxy,
            "plain": quote(self.base_url.replace("https://", "http://", 1)),
            "model": self.model,
            "model_source": self.model_source,
            "key_source": self.key_source,
            "wait": f"{failure.retry_after or 30:g}",
        }


def diagnose(failure: RespanError, stage: str, case: DiagnosisContext) -> RespanError:
    """The same failure with its three lines: what was seen, what it means, what to type next.

    Args:
        failure: as it was raised; its own reason belongs to what was seen.
        stage: the name of the stage.
        case: the circumstances.
    """
    means, command = _lines(failure, stage, case)
    seen = f"{failure.message}: {failure.reason}" if failure.reason else failure.message
    words = case.words(failure)
    # In the settings stage the failure itself knows best what to do.
    own = failure.hint if stage == "settings" else None
    told = failure.with_message(f"{stage}: {seen}").with_reason(means.format_map(words))
    return told.with_hint(own or command.format_map(words))


def _lines(failure: RespanError, stage: str, case: DiagnosisContext) -> tuple[str, str]:
    return next(TEXTS[key] for key in _keys(failure, stage, case) if key in TEXTS)


def _keys(failure: RespanError, stage: str, case: DiagnosisContext) -> Iterator[str]:
    stage = "message" if stage == "repeat" else stage
    if case.proxy:
        yield f"proxied {failure.kind}"
        yield f"proxied {stage} {failure.default_kind}"
    if failure.kind == "dns" and case.url_source == "default":
        yield "dns default"
    if failure.kind == "tls_none" and is_this_machine(case.host):
        yield "tls_none here"
    # Before its kind, which may have the name of a stage. Inside a stream, the status is 200.
    if failure.status in (401, 403) or isinstance(failure, AuthenticationError):
        if stage == "message" and case.proven:
            yield "provider key" if case.model == DEFAULT_MODEL else "provider key model"
        if stage == "log":
            yield "log_forbidden"
        yield f"key {case.key_source}"
        yield "key profile" if case.key_source.startswith("profile ") else "key"
    yield failure.kind
    if 300 <= (failure.status or 0) < 400:
        yield "redirect"
    if failure.status == 404 and case.model != DEFAULT_MODEL:
        yield f"{stage} 404 model"
    yield f"{stage} {failure.status}"
    yield f"{stage} {failure.default_kind}"
    yield stage
    yield "any"


_TRUST = (
    "nobody whom this machine trusts has signed it: it signed itself, or a company's proxy stands in between",
    "SSL_CERT_FILE=/path/to/the/company-ca.pem {again}",
)
_SILENT = (
    "something takes the connection and then does nothing with it: it hangs, or speaks another protocol",
    "curl -v --max-time 30 {url}",
)
_NOT_OURS = (
    "the gateway has taken your key, so it is the provider that refuses: the account's own provider key "
    f"({PROVIDERS_PAGE}), or {{model}}"
)
_REFUSED_KEY = f"the key from {{key_source}} is not valid there, or no longer; keys are made at {KEYS_PAGE}"
_FAILING = (
    "the gateway, or the provider behind it, is failing: neither your key nor your network is to blame",
    "sleep {wait}; {again}",
)
_LATE = ("the gateway takes requests, and did not answer this one in time", "{again} --timeout {longer}")
_SEE_PROXY = "env | grep -i _proxy"

# what failed -> what it means, and what to type next
TEXTS: Mapping[str, tuple[str, str]] = {
    "any": ("the check cannot go on from here", "{again} --debug"),
    "settings": ("these settings cannot send, so nothing was tried on the network", "{show}"),
    "usage": ("the command line asks for what cannot be sent, so nothing was tried", "respan check --help"),
    "dns": (
        "the name is mistyped, or this machine's name server does not know it, or is silent",
        "{show}",
    ),
    "dns default": (
        "the name is right: there is no network, or this network's name server is silent or does not know it",
        "nslookup {host}",
    ),
    "proxied dns": ("it is the proxy's name, and nobody here knows it", _SEE_PROXY),
    "proxied tcp_refused": ("the proxy is not running, or its port is another", _SEE_PROXY),
    "proxied tcp_timeout": (
        "the proxy is down, or not on this network",
        _SEE_PROXY,
    ),
    "proxied tcp": ("the proxy cannot be reached from here", _SEE_PROXY),
    "proxied http unreached": ("the proxy is there, and did not lead to the gateway", "curl -v {url}"),
    "proxied http provider": ("the gateway is failing, or the proxy cannot reach it", "curl -v {url}"),
    "proxy_unusable": ("nothing can go through such a proxy", _SEE_PROXY),
    "proxy_socks": ("the package is missing where this program is installed", "pip install socksio"),
    "proxy_auth": ("the proxy lets nobody pass whom it does not know", "export {proxy}"),
    "proxy": ("the proxy is there and will not, or cannot, connect to the gateway", "curl -v {url}"),
    "tcp_refused": (
        "the machine is there; on that port nothing listens: wrong port, or not running",
        "{show}",
    ),
    "tcp_timeout": (
        "the machine is down, or a firewall drops the connection; some networks want a proxy (HTTPS_PROXY)",
        "curl -v --connect-timeout 30 {url}",
    ),
    "tcp": ("there is no way from this network to that address", "curl -v --connect-timeout 30 {url}"),
    "tls_untrusted": _TRUST,
    "tls_certificates": (
        "a message would fail alike; unset, the variable leaves it to the system whom to trust",
        "env | grep SSL_CERT_",
    ),
    "tls_expired": ("its time is over, or this machine's clock is ahead", "date -u"),
    "tls_not_yet_valid": ("its time has not begun, or this machine's clock is behind", "date -u"),
    "tls_hostname": (
        "it belongs to another name: wrong base URL, or somebody stands in between",
        "{show}",
    ),
    "tls_none": ("what listens there does not speak TLS: wrong port, or a portal that catches all", "{show}"),
    "tls_none here": (
        "what listens there does not speak TLS: the base URL wants http://",
        "{elsewhere} --base-url {plain}",
    ),
    "tls_silent": _SILENT,
    "tls": ("it broke off while encryption was agreed on", "openssl s_client -connect {authority}"),
    "key": (_REFUSED_KEY, "respan config init{p}"),
    "provider key": (_NOT_OURS, "{again} --debug"),
    "provider key model": (_NOT_OURS, "{other_model}"),
    "key RESPAN_API_KEY": (_REFUSED_KEY, "export RESPAN_API_KEY='the new key'"),
    "key profile": (_REFUSED_KEY, "respan config set api_key -{p}"),
    "http unreached": _SILENT,
    "http timeout": _SILENT,
    "http broken_reply": (
        "no gateway answers there: a sign-in page of this network, a company's proxy, or a wrong base URL",
        "curl -i {url}",
    ),
    "redirect": (
        "it points elsewhere, and the key goes to one host only: a sign-in page, or the gateway has moved",
        "curl -i {url}",
    ),
    "http": _FAILING,
    "authentication unreached": _SILENT,
    "authentication timeout": _SILENT,
    "authentication broken_reply": ("what answers with a key is no gateway", "curl -i {url}"),
    "authentication": _FAILING,
    "message 402": (
        f"the key is good, the account is empty: credits are added at {CREDITS_PAGE}, "
        f"provider keys at {PROVIDERS_PAGE}",
        "{again}",
    ),
    "message 404 model": (
        "no such model for this account, or a wrong base URL; {model} came from {model_source}",
        "{other_model}",
    ),
    "message 404": ("the base URL is wrong, or the account may not use {model}", "{show}"),
    "message limit": ("more was asked for than this key, or this account, may have", "sleep {wait}; {again}"),
    "message provider": _FAILING,
    "message refused": (
        "the gateway and the key are good; it is what this profile sends that was refused",
        "{dry_run}",
    ),
    "message broken_reply": (
        "the gateway, or something on the way, broke the answer off, or put something else in its place",
        "{again} --count 5",
    ),
    "message timeout": _LATE,
    "message unreached": (
        "the gateway took requests a moment ago, and now the connection ends before an answer",
        "{again} --count 5",
    ),
    "log_missing": (
        "the message went through; its log is late, or this gateway keeps none",
        "{again} --log --log-timeout {longer_log}",
    ),
    "log_none": ("the message went through, but this gateway lets nobody read its log there", "{again}"),
    "log_forbidden": (
        "the message went through, so the key is good; it may send, and not read this log",
        "{again}",
    ),
    "log_differs": (
        "the identity did not survive the way: costs and users would be counted wrongly",
        "{dry_run}",
    ),
    "log": ("the message went through, but the log could not be asked", "{again} --log"),
}


def lines(failure: RespanError) -> dict[str, Any]:
    """A diagnosed failure as it stands in `--json`."""
    return {
        "seen": failure.message,
        "means": failure.reason,
        "next": failure.hint,
        "type": failure.kind,
        "status": failure.status,
        "retryable": failure.retryable,
        "request_id": failure.request_id,
        "log_id": failure.log_id,
    }
