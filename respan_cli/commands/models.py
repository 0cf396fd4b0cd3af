"""`respan models`: the public catalogue, with context and price."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from respan_cli.commands.shared.api_options import ApiOptions, AsJsonLines
from respan_cli.errors import ExitCode
from respan_cli.terminal.listing import Cell, Column, print_listing
from respan_cli.terminal.terminal import Terminal
from respan_cli.terminal.text import YELLOW

if TYPE_CHECKING:
    from respan_cli.gateway.models_api import Model

COLUMNS = (
    Column("MODEL", least=20),
    Column("CONTEXT", right=True),
    Column("INPUT/M", right=True),
    Column("OUTPUT/M", right=True),
    Column("PROVIDER", least=8),
    Column("DEPRECATED"),
)


@dataclass(frozen=True, kw_only=True)
class ModelsOptions(ApiOptions):
    """The options of `models`."""

    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="Only models with this text in their name.")
    ] = None
    as_json: AsJsonLines = False


def models(terminal: Terminal, options: ModelsOptions) -> int:
    """List models, their context and price.

    $ respan models
    $ respan models opus
    $ respan models --json | jq -r .model

    Prices are in USD per million tokens. No key is needed. The names are kept for a day, for the
    completion of --model.
    """
    from respan_cli.commands.shared import model_cache
    from respan_cli.commands.shared.api_connection import open_models
    from respan_cli.gateway.sdk import end_of_life

    with open_models(options, terminal) as api:
        found = api.models()
    terminal.stop_status()
    model_cache.remember((model.name for model in found), terminal.env)
    wanted = (options.text or "").lower()
    rows = [(model, end_of_life(model.name)) for model in found if wanted in model.name.lower()]
    _print(terminal, rows, options)
    return ExitCode.OK


def _print(terminal: Terminal, rows: Sequence[tuple[Model, str | None]], options: ModelsOptions) -> None:
    from respan_cli.output.renderers import json_line
    from respan_cli.terminal.tables import print_table

    if options.as_json:
        terminal.write("".join(json_line(_as_json(*row)) for row in rows))
        terminal.flush()
    elif not terminal.stdout_isatty:
        print_table(terminal, (), (_row(*row) for row in rows))
    elif rows:
        print_listing(terminal, COLUMNS, _cells(rows))
    else:
        terminal.note(f"no model has {options.text!r} in its name", label="respan: ")


def _as_json(model: Model, deprecated: str | None) -> dict[str, Any]:
    return {
        "model": model.name,
        "context_tokens": model.context_tokens,
        "input_cost_per_million": model.input_cost,
        "output_cost_per_million": model.output_cost,
        "provider": model.provider,
        "deprecated": deprecated,
    }


def _row(model: Model, deprecated: str | None) -> list[str]:
    from respan_cli.output.units import plain

    numbers = (plain(one) for one in (model.context_tokens, model.input_cost, model.output_cost))
    return [model.name, *numbers, model.provider or "", deprecated or ""]


def _cells(rows: Sequence[tuple[Model, str | None]]) -> Iterator[list[Cell]]:
    from respan_cli.output.units import compact, usd

    for model, deprecated in rows:
        costs = (model.input_cost, model.output_cost)
        yield [
            Cell(model.name, YELLOW if deprecated else ""),
            Cell("" if model.context_tokens is None else compact(model.context_tokens)),
            *(Cell("" if cost is None else usd(cost)) for cost in costs),
            Cell(model.provider or ""),
            Cell(deprecated or "", YELLOW),
        ]
