"""Respan's public catalogue of models, and how each has been doing. No key is needed.

Endpoints and shapes: Respan's official Python client (`respan-api` 0.1.49, `models/public/` and
`models/{name}/status/`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from respan_cli.errors import RespanError
from respan_cli.gateway.api_errors import RequestContext
from respan_cli.gateway.client import GatewayClient
from respan_cli.gateway.deadline import Deadline
from respan_cli.gateway.log_entry import Record
from respan_cli.gateway.log_query import iso_time
from respan_cli.gateway.respan_api import RespanApi
from respan_cli.settings.headers import WireHeader

STATUS_PERIOD = timedelta(hours=1)
STATUS_TIMEOUT_S = 2.0  # a failure is not told later than this because of it


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the catalogue; costs are in USD per million tokens, None if unknown."""

    name: str
    context_tokens: int | None
    input_cost: float | None
    output_cost: float | None
    provider: str | None


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """How a model has been doing in the last hour."""

    name: str
    uptime_percent: float | None
    first_token_s: float | None

    def __str__(self) -> str:
        """One line for people, such as "public status of m in the last hour: 62.5% up"."""
        parts = [
            "" if self.uptime_percent is None else f"{self.uptime_percent:g}% up",
            "" if self.first_token_s is None else f"first token after {self.first_token_s:.2f} s on average",
        ]
        told = ", ".join(part for part in parts if part)
        return f"public status of {self.name} in the last hour: {told}"


class ModelsApi(RespanApi):
    """The catalogue beside a gateway."""

    subject = "the list of models"
    absent = "this gateway has no public list of models"

    def models(self) -> list[Model]:
        """Every model of the catalogue, in its order.

        Raises:
            RespanError: it cannot be read, or there is none.
        """
        body = self.call("GET", "models/public/")
        found = body
        if isinstance(body, dict):
            found = next((body[name] for name in ("models", "results", "data") if name in body), None)
        if not isinstance(found, list):
            raise self.unexpected(body)
        return list(_models(found))

    def status(self, name: str) -> ModelStatus | None:
        """How a model has been doing in the last hour; None where nothing is known of it.

        Raises:
            RespanError: the status cannot be read.
        """
        now = datetime.now(UTC)
        times = {"start_time": iso_time(now - STATUS_PERIOD), "end_time": iso_time(now), "time_tick": "hour"}
        body = self.call("GET", f"models/{quote(name, safe='')}/status/", times)
        status = Record(Record(body).object("status")) if isinstance(body, dict) else Record({})
        found = ModelStatus(name, status.number("uptime_percent"), status.number("average_ttft"))
        return None if found.uptime_percent is None and found.first_token_s is None else found


def status_line(context: RequestContext, headers: list[WireHeader], model: str) -> str | None:
    """The public status of a model as one line for people, asked for within `STATUS_TIMEOUT_S`.

    Args:
        headers: of the request; none of them need be a key.

    Returns:
        None where nothing is known, or the status cannot be read in time.
    """
    # Half of the time for the connection, half for silence after it.
    try:
        with GatewayClient(context, headers, timeout=STATUS_TIMEOUT_S / 2) as client:
            status = ModelsApi(client, Deadline(STATUS_TIMEOUT_S)).status(model)
    except RespanError:
        return None
    return None if status is None else str(status)


def _models(found: list[object]) -> Iterator[Model]:
    for one in found:
        record = Record(one) if isinstance(one, dict) else Record({})
        if name := record.text("model_name", "name", "id"):
            yield Model(
                name,
                record.count("max_context_window", "context_window"),
                record.number("input_cost", "prompt_cost"),
                record.number("output_cost", "completion_cost"),
                _provider(record),
            )


def _provider(record: Record) -> str | None:
    return record.text("provider") or Record(record.object("provider")).text("provider_name", "provider_id")
