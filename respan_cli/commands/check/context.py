"""What a check knows so far: each layer adds what the next ones need."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from respan_cli.commands.check.diagnosis import DiagnosisContext
from respan_cli.commands.check.options import CheckOptions
from respan_cli.commands.check.proxy_endpoint import ProxyEndpoint
from respan_cli.commands.check.spread import MEASURES
from respan_cli.commands.shared.connection import Target, client_for
from respan_cli.gateway.api_errors import RequestContext
from respan_cli.gateway.client import GatewayClient
from respan_cli.gateway.deadline import Deadline
from respan_cli.gateway.observer import RequestObserver
from respan_cli.output.progress import observer_for
from respan_cli.output.result import Result
from respan_cli.settings.headers import on_the_wire, resolve_references
from respan_cli.settings.resolve import Settings
from respan_cli.terminal.redact import is_secret, secret_values
from respan_cli.terminal.terminal import Terminal

FOR_US = 0.1  # of the time; to start and to end takes some too, and the whole command keeps to the limit
TIMEOUT = 10.0  # seconds for a whole check, unless a layer of the settings says otherwise


@dataclass(frozen=True, slots=True)
class Measured:
    """One message that came through, and how long its connection took: None if there was one already."""

    result: Result
    connect_ms: float | None

    def times(self) -> dict[str, float | None]:
        """Milliseconds, by the names of `MEASURES`."""
        timing = self.result.timing
        return dict(zip(MEASURES, (self.connect_ms, timing.first_token_ms, timing.total_ms), strict=True))


@dataclass
class CheckContext:
    """The check as far as it has come. What is not set yet belongs to a layer not looked at yet.

    Args:
        load: gives the settings.
        connect: gives the place to send to and the key, which stay good until the check ends.
        terminal: the environment, and where waits are remarked on.
        options: what was asked for.
        case: what failures may refer to: for now, only what was typed.
    """

    load: Callable[[], Settings]
    connect: Callable[[Settings], Target]
    terminal: Terminal
    options: CheckOptions
    case: DiagnosisContext
    stack: ExitStack = field(default_factory=ExitStack)  # what is open until the check ends
    current: Settings = field(init=False)
    target: Target = field(init=False)
    deadline: Deadline = field(init=False)
    hop: ProxyEndpoint | None = None  # the proxy, if one is in force
    addresses: Sequence[str] = ()
    connection: socket.socket = field(init=False)
    keyless_status: int = 0
    gateway: GatewayClient = field(init=False)  # the one that keeps its connection
    known_logs: frozenset[str] = frozenset()
    first: Measured = field(init=False)  # the message that came through
    started: float = 0.0  # when the layer that is looked at now began

    def start_clock(self) -> None:
        """What comes now is the layer's time. What went before, such as an import, was ours."""
        self.started = time.monotonic()

    @property
    def timeout(self) -> float:
        """Seconds for the whole check up to the message, and for each further message."""
        given = self.current.sources.get("timeout") not in (None, "default")
        return self.current.timeout if given else TIMEOUT

    @property
    def asked(self) -> RequestContext:
        """What failures need to know."""
        case = self.case
        return RequestContext(case.base_url, case.model, case.model_source, case.key_source)

    @property
    def at(self) -> str:
        """The base URL."""
        return self.target.url

    def hide_secrets(self) -> None:
        """Have nobody repeat the key, or a secret header, on the screen: gateways quote what they refuse."""
        self.terminal.add_secrets(self.target.key, *secret_values(self.current.respan_params))
        for headers in (self.current.gateway_headers, self.current.headers):
            secrets = {name: value for name, value in headers.items() if is_secret(name)}
            self.terminal.add_secrets(*secret_values(resolve_references(secrets, self.terminal.env)))

    def sender(self, timeout: float, *, keep_alive: int) -> GatewayClient:
        """The client that `send` would use, but with one attempt only: a check shows what fails.

        Args:
            timeout: seconds without data.
            keep_alive: connections that are kept for another message.
        """
        settings = replace(self.current, timeout=timeout)
        return client_for(self.target, settings, self.terminal, max_retries=0, keep_alive=keep_alive)

    def observer(self) -> RequestObserver:
        """Of requests that are no message: a person is told nothing, the log of `--debug` everything."""
        return observer_for(self.terminal) if self.terminal.debug else RequestObserver()

    def without_key(self) -> GatewayClient:
        """The same gateway, asked without any credential."""
        given = resolve_references(self.current.gateway_headers, self.terminal.env)
        return self._plain(
            {name: value for name, value in given.items() if not is_secret(name)}, None, self.deadline.left()
        )

    def with_key(self) -> GatewayClient:
        """The same gateway with the key and all headers, for what is no message."""
        given = resolve_references(self.current.gateway_headers, self.terminal.env)
        return self._plain(given, self.target.key, self.deadline.left())

    def log_reader(self) -> GatewayClient:
        """The host of the gateway with the key alone: headers for the gateway do not concern its log."""
        return self._plain({}, self.target.key, self.timeout)

    def _plain(self, given: dict[str, str], key: str | None, timeout: float) -> GatewayClient:
        headers = on_the_wire(given, authorization=f"Bearer {key}")
        kept = [header for header in headers if key is not None or header.name != "Authorization"]
        return GatewayClient(self.asked, kept, timeout=timeout)
