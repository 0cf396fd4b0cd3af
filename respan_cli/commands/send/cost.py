"""`send --cost`: what the gateway charged for one answer, as its log says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic

from respan_cli.commands.shared.connection import Target, client_for
from respan_cli.errors import ProviderError, RespanError
from respan_cli.gateway.deadline import Deadline
from respan_cli.gateway.log_api import LogApi
from respan_cli.gateway.log_entry import LogEntry
from respan_cli.messages.answer import Event
from respan_cli.output.progress import api_observer
from respan_cli.output.renderers import Renderer
from respan_cli.output.result import Cost, Result
from respan_cli.settings.resolve import Settings
from respan_cli.terminal.terminal import Terminal

COST_TIMEOUT_S = 20.0  # how long Respan's own checker waits for an entry


class CostLookup:
    """Asks the log of the gateway that answered, once."""

    def __init__(self, target: Target, settings: Settings, terminal: Terminal) -> None:
        self._target = target
        self._settings = settings
        self._terminal = terminal
        self._cost: Cost | None = None

    def __call__(self, result: Result) -> Result:
        """The result with its cost. An unknown cost is a warning and no failure: the answer is there."""
        if self._cost is None:
            self._cost = Cost(self._find(result))
        return replace(result, cost=self._cost)

    def _find(self, result: Result) -> float | None:
        try:
            with self._terminal.status("waiting for the cost in the log"):
                return self._entry(result).cost
        except RespanError as failure:
            self._terminal.warn(f"cost unknown: {failure.message}")
        except KeyboardInterrupt:  # of the wait: the answer came before it
            if self._terminal.interrupted:  # which will take no more of it
                raise
            self._terminal.warn("cost unknown: interrupted")
        return None

    def _entry(self, result: Result) -> LogEntry:
        custom_id = result.request.respan_params.get("custom_identifier")
        if not (result.ids.log_id or custom_id):
            raise ProviderError("the gateway gave no log ID; with --custom-id auto the request can be found")
        with client_for(self._target, self._settings, self._terminal, keep_alive=1) as client:
            log = LogApi(client, Deadline(COST_TIMEOUT_S), api_observer(self._terminal))
            if result.ids.log_id:
                return log.wait_for(result.ids.log_id, with_cost=True)
            # Older requests under the same identifier are not meant.
            since = datetime.now(UTC) - timedelta(seconds=monotonic() - result.timing.start)
            return log.wait_for_custom_id(str(custom_id), since, with_cost=True)


class WithCost(Renderer):
    """A renderer whose last output needs the cost.

    Args:
        inner: draws all of it.
        lookup: finds the cost.
    """

    def __init__(self, inner: Renderer, lookup: CostLookup) -> None:
        self._inner = inner
        self._lookup = lookup

    def prepare(self) -> None:
        """As the inner one."""
        self._inner.prepare()

    def finish_block(self) -> None:
        """As the inner one."""
        self._inner.finish_block()

    def render(self, event: Event, text: str) -> str:
        """As the inner one."""
        return self._inner.render(event, text)

    def finish(self, result: Result) -> str:
        """The output for the result with its cost."""
        return self._inner.finish(self._lookup(result))

    def abort(self) -> str:
        """As the inner one."""
        return self._inner.abort()
