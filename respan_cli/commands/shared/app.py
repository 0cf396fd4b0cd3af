"""The tree of commands: each is loaded when it is typed, and has our help page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import MISSING, Field, fields
from functools import update_wrapper
from importlib import import_module
from inspect import Parameter, Signature, signature
from textwrap import shorten
from typing import Any, TypeVar, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from respan_cli.commands.shared.help_page import show_page
from respan_cli.commands.shared.usage_errors import WORDS
from respan_cli.terminal.terminal import Terminal

Run = TypeVar("Run", bound=Callable[..., Any])


class App(typer.Typer):
    """A Typer app whose commands all have our help page.

    Args:
        places: names of commands, and where each is: `module:attribute`, a function or another app. It is
            imported, and made a command of, only when it is asked for.
    """

    def __init__(self, places: Mapping[str, str] | None = None, **settings: Any) -> None:
        ours: dict[str, Any] = {
            "cls": type("Group", (Group,), {"places": places or {}}),
            "add_completion": False,
            "context_settings": {"help_option_names": ["-h", "--help"]},
            "pretty_exceptions_enable": False,
            "rich_markup_mode": None,
        }
        super().__init__(**ours | settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Run], Run]:
        """As Typer's own; a function that takes `options` gets them as one value (see `expand_options`)."""
        register = super().command(name, cls=Command, **settings)

        def add(run: Run) -> Run:
            register(expand_options(run))
            return run

        return add

    def callback(self, *args: Any, **settings: Any) -> Callable[[Run], Run]:
        """As Typer's own, with `options` as `command` has them."""
        register = super().callback(*args, **settings)

        def add(run: Run) -> Run:
            register(expand_options(run))
            return run

        return add


class Command(TyperCommand):
    """A command with our help page."""

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """What the shell offers after Tab, described in one short line each."""
        return [_short(item) for item in super().shell_complete(ctx, incomplete)]

    def get_help_option(self, ctx: Any) -> TyperOption | None:
        """`-h` and `--help`, which show our page."""
        return _ours(super().get_help_option(ctx))


class Group(TyperGroup):
    """A group of commands with our help page, which is also shown if no command is named."""

    places: Mapping[str, str] = {}

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = Commands(self.commands, self.places)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """What the shell offers after Tab, described in one short line each."""
        return [_short(item) for item in super().shell_complete(ctx, incomplete)]

    def get_help_option(self, ctx: Any) -> TyperOption | None:
        """`-h` and `--help`, which show our page."""
        return _ours(super().get_help_option(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As Typer's own; it leaves the words for the error that says there is no such command."""
        ctx.meta[WORDS] = args
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """A group alone asks for its help, unless it does something of its own then."""
        alone = not args and not self.invoke_without_command and not ctx.resilient_parsing
        return super().parse_args(ctx, ["--help"] if alone else args)


class Commands(MutableMapping[str, Any]):
    """Commands by their names; one that has only a place as yet is made when it is first asked for.

    Args:
        places: where to find the others, as `App` says.
    """

    def __init__(self, made: Mapping[str, Any], places: Mapping[str, str]) -> None:
        self._made: dict[str, Any] = {**dict.fromkeys(places), **made}
        self._places = places

    def __getitem__(self, name: str) -> Any:
        if self._made[name] is None:
            self._made[name] = _command_at(self._places[name], name)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


def expand_options(run: Callable[..., Any]) -> Callable[..., Any]:
    """Show Typer each field of a command's options as a parameter of its own.

    A command is a function of the terminal (or of Typer's context, where it needs that) and of one frozen
    dataclass named `options`, whose fields are annotated as Typer wants its parameters:

        def send(terminal: Terminal, options: SendOptions) -> int: ...

    A function without `options` is returned as it is.
    """
    kind = get_type_hints(run).get("options")
    if kind is None:
        return run
    wants_context = "ctx" in signature(run).parameters
    types = get_type_hints(kind, include_extras=True)

    def command(ctx: typer.Context, **values: Any) -> Any:
        return run(ctx if wants_context else terminal_of(ctx), kind(**values))

    update_wrapper(command, run)
    vars(command).pop("__wrapped__")
    context = Parameter("ctx", Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    parameters = [_parameter(field, types[field.name]) for field in fields(kind)]
    vars(command)["__signature__"] = Signature([context, *parameters])
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in (context, *parameters)}
    return command


def _parameter(field: Field[Any], annotation: Any) -> Parameter:
    default = Parameter.empty if field.default is MISSING else field.default
    return Parameter(field.name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def terminal_of(ctx: typer.Context) -> Terminal:
    """The terminal that `main` was given."""
    terminal: Terminal = ctx.find_root().obj
    return terminal


def _command_at(place: str, name: str) -> Any:
    module, _, attribute = place.partition(":")
    found = getattr(import_module(module), attribute)
    if isinstance(found, App):
        app = found
    else:
        app = App()
        app.command(name)(found)
    return typer.main.get_command(app)


def _short(item: Any) -> Any:
    """A completion that survives Typer, which reads its description as markup and wraps it at 80 columns."""
    if item.help:
        line = shorten(item.help.partition("(env:")[0], 60, placeholder=" …")
        item.help = line.replace("[", "\\[")
    return item


def _ours(option: TyperOption | None) -> TyperOption | None:
    if option is not None:
        option.help = "Show this help."
        option.callback = _show
    return option


def _show(ctx: Any, _param: object, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        show_page(ctx, ctx.find_root().obj)
        raise typer.Exit
