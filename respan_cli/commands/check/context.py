"""The state of a check: each stage adds the values that later ones need."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from respan_cli.commands.check.diagnosis import DiagnosisContext
from respan_cli.commands.check.options import CheckOptions
from respan_cli.commands.check.proxy_endpoint import ProxyEndpoint
from respan_cli.commands.check.spread import MEASURES
from respan_cli.commands.shared.connection import Target, client_for
from respan_cli.errors import RespanError
from respan_cli.gateway.api_errors import RequestContext
from respan_cli.gateway.client import GatewayClient
from respan_cli.gateway.deadline import Deadline
from respan_cli.gateway.http import HttpResponse
from respan_cli.gateway.observer import RequestObserver
from respan_cli.output.progress import observer_for
from respan_cli.output.result import Result
from respan_cli.settings.headers import on_the_wire, resolve_references
from respan_cli.settings.resolve import Settings
from respan_cli.terminal.redact import is_secret, secret_values
from respan_cli.terminal.terminal import Terminal

TIMEOUT_S = 10.0  # for a whole check, unless the settings say otherwise


@dataclass(frozen=True, slots=True)
class Measured:
    """One message that was answered, and how long its connection took: None if there was one already."""

    result: Result
    connect_ms: float | None

    def times(self) -> dict[str, float | None]:
        """Milliseconds, by the names of `MEASURES`."""
        timing = self.result.timing
        return dict(zip(MEASURES, (self.connect_ms, timing.first_token_ms, timing.total_ms), strict=True))


@dataclass(frozen=True, slots=True)
class Attempt:
    """The message of the check, sent once, and its outcome."""

    ms: float
    failure: RespanError | None = None
    warnings: tuple[str, ...] = ()


@dataclass
class CheckContext:
    """The check as far as it has come. What is not set yet belongs to a stage that has not run yet.

    Args:
        load: gives the settings.
        connect: gives the place to send to and the key, which stay valid until the check ends.
        diagnosis: what failures may refer to: at first only what was typed.
    """

    load: Callable[[], Settings]
    connect: Callable[[Settings], Target]
    terminal: Terminal
    options: CheckOptions
    diagnosis: DiagnosisContext
    stack: ExitStack = field(default_factory=ExitStack)  # closed when the check ends
    settings: Settings = field(init=False)
    target: Target = field(init=False)
    deadline: Deadline = field(init=False)
    proxy_endpoint: ProxyEndpoint | None = None
    addresses: Sequence[str] = ()
    connection: socket.socket = field(init=False)
    keyless: HttpResponse | None = None  # the answer to the request without a key
    attempt: Attempt = field(init=False)
    client: GatewayClient = field(init=False)  # the one that keeps its connection
    known_logs: frozenset[str] = frozenset()
    first: Measured = field(init=False)  # the message that was answered
    started: float = 0.0  # when the stage that runs now began

    def start_clock(self) -> None:
        """Begin the time of the stage that runs now."""
        self.started = time.monotonic()

    @contextmanager
    def own_time(self) -> Iterator[None]:
        """Work of this program, such as an import: it is neither the stage's time nor the check's."""
        begin = time.monotonic()
        yield
        self.deadline.extend(time.monotonic() - begin)
        self.start_clock()

    @property
    def sends(self) -> bool:
        """Whether this check sends a message."""
        return not self.options.no_send

    @property
    def timeout(self) -> float:
        """Seconds for the whole check up to the message, and for each further message."""
        given = self.settings.sources.get("timeout") not in (None, "default")
        return self.settings.timeout if given else TIMEOUT_S

    @property
    def probe_time(self) -> float:
        """Seconds for an unpaid request: a message that follows has as long again."""
        return self.deadline.left() / 2 if self.sends else self.deadline.left()

    @property
    def request_context(self) -> RequestContext:
        """The description of a request in failures."""
        known = self.diagnosis
        return RequestContext(known.base_url, known.model, known.model_source, known.key_source)

    @property
    def base_url(self) -> str:
        """The URL of the requests, with a final slash."""
        return self.target.url

    def hide_secrets(self) -> None:
        """Keep the key and secret headers off the screen: gateways quote what they refuse."""
        self.terminal.add_secrets(self.target.key, *secret_values(self.settings.respan_params))
        for headers in (self.settings.gateway_headers, self.settings.headers):
            secrets = {name: value for name, value in headers.items() if is_secret(name)}
            self.terminal.add_secrets(*secret_values(resolve_references(secrets, self.terminal.env)))

    def message_client(self, timeout: float) -> GatewayClient:
        """The client that `send` would use, without retries: a check reports every failure."""
        settings = replace(self.settings, timeout=timeout)
        return client_for(self.target, settings, self.terminal, max_retries=0, keep_alive=1)

    def observer(self) -> RequestObserver:
        """Of requests that are no message: shown in the log of `--debug` only."""
        return observer_for(self.terminal) if self.terminal.debug else RequestObserver()

    def without_key(self) -> GatewayClient:
        """The same gateway, asked without any credential."""
        headers = resolve_references(self.settings.gateway_headers, self.terminal.env)
        public = {name: value for name, value in headers.items() if not is_secret(name)}
        return self._plain(public, None, self.probe_time)

    def with_key(self) -> GatewayClient:
        """The same gateway with the key and all headers, for requests that are no message."""
        headers = resolve_references(self.settings.gateway_headers, self.terminal.env)
        return self._plain(headers, self.target.key, self.probe_time)

    def log_reader(self) -> GatewayClient:
        """The host of the gateway with the key alone: headers for the gateway do not concern its log."""
        return self._plain({}, self.target.key, self.timeout)

    def _plain(self, headers: dict[str, str], key: str | None, timeout: float) -> GatewayClient:
        wire = on_the_wire(headers, authorization=f"Bearer {key}")
        kept = [header for header in wire if key is not None or header.name != "Authorization"]
        return GatewayClient(self.request_context, kept, timeout=timeout)
