"""The help page of a command, from its docstring: what it is for, examples, then its options in groups.

Drawn by ourselves and not by Typer with Rich: that cuts long flags and URLs at 80 columns, reads brackets
as markup, colours logs of GitHub Actions, and takes twice as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from textwrap import TextWrapper, shorten
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from respan_cli.terminal import Terminal

# The groups in the order of what people look for; what is in none of them comes last.
PANELS = ("Check", "Message", "Identity", "Output", "Connection")
OTHERS = "Options"
WIDEST = 100  # columns; longer lines are hard to read
NARROW = 60  # columns; below, names and meanings no longer fit side by side
NAMES = 26  # columns for names beside their meanings; longer names get a line of their own

BOLD, CYAN, RESET = "\x1b[1m", "\x1b[36m", "\x1b[0m"

Paint = Callable[[str, str], str]  # text and style -> styled text
Run = TypeVar("Run", bound=Callable[..., Any])


class App(typer.Typer):
    """A Typer app whose commands all have our help page."""

    def __init__(self, **settings: Any) -> None:
        ours: dict[str, Any] = {
            "cls": Group,
            "context_settings": {"help_option_names": ["-h", "--help"]},
            "pretty_exceptions_enable": False,
            "rich_markup_mode": None,
        }
        super().__init__(**ours | settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Run], Run]:
        """As Typer's own."""
        return super().command(name, cls=Command, **settings)


class Command(TyperCommand):
    """A command with our help page."""

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """What the shell offers after Tab, described in one short line each."""
        return [_short(item) for item in super().shell_complete(ctx, incomplete)]

    def get_help_option(self, ctx: Any) -> TyperOption | None:
        """`-h` and `--help`, which show our page."""
        return _ours(super().get_help_option(ctx))


class Group(TyperGroup):
    """A group of commands with our help page, which is also what it shows when no command is named."""

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """What the shell offers after Tab, described in one short line each."""
        return [_short(item) for item in super().shell_complete(ctx, incomplete)]

    def get_help_option(self, ctx: Any) -> TyperOption | None:
        """`-h` and `--help`, which show our page."""
        return _ours(super().get_help_option(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """A group alone asks for its help, unless it does something of its own then."""
        alone = not args and not self.invoke_without_command and not ctx.resilient_parsing
        return super().parse_args(ctx, ["--help"] if alone else args)


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


def show_page(ctx: typer.Context, terminal: Terminal) -> None:
    """Show the help of the context's command."""
    painted = terminal.colors()

    def paint(text: str, style: str) -> str:
        return f"{style}{text}{RESET}" if painted else text

    width = min(terminal.width, WIDEST)
    terminal.draw("\n".join(page(ctx, width, paint)) + "\n")


def page(ctx: typer.Context, width: int, paint: Paint) -> Iterator[str]:
    """The lines of the help.

    Args:
        ctx: the context of the command.
        width: columns.
        paint: gives a text a style.
    """
    command: Any = ctx.command
    purpose, *more = (command.help or "").strip().split("\n\n")
    examples = [line for paragraph in more if is_example(paragraph) for line in paragraph.splitlines()]
    yield from _wrapped(purpose, width)
    yield ""
    usage = [ctx.command_path, *command.collect_usage_pieces(ctx)]
    yield from _wrapped(" ".join(usage), width, paint("Usage:", BOLD) + " ", "       ", hang="  ")
    if examples:
        yield from ("", paint("Examples:", BOLD))
        for line in examples:
            whole = f"  {line}"
            yield from [whole] if len(whole) <= width else _wrapped(line, width, "  ", "  ", hang="    ")
    for paragraph in more:
        if not is_example(paragraph):
            yield ""
            yield from _wrapped(paragraph, width)
    yield from _sections(ctx, command, width, paint)


def _sections(ctx: typer.Context, command: Any, width: int, paint: Paint) -> Iterator[str]:
    if isinstance(command, TyperGroup):
        yield from ("", paint("Commands:", BOLD))
        children = [command.get_command(ctx, name) for name in command.list_commands(ctx)]
        rows = [(child.name or "", _purpose(child)) for child in children if child and not child.hidden]
        yield from _rows(rows, width, paint)
    options = [param for param in command.get_params(ctx) if not getattr(param, "hidden", False)]
    arguments = [(_argument(param), param.help or "") for param in options if not _is_option(param)]
    if arguments:
        yield from ("", paint("Arguments:", BOLD))
        yield from _rows(arguments, width, paint)
    for title in (*PANELS, OTHERS):
        rows = [
            (_names(param, ctx), param.help or "")
            for param in options
            if _is_option(param) and _panel(param) == title
        ]
        if rows:
            yield from ("", paint(f"{title}:", BOLD))
            yield from _rows(rows, width, paint)


def _rows(rows: list[tuple[str, str]], width: int, paint: Paint) -> Iterator[str]:
    names = min(NAMES, max(len(name) for name, _ in rows))
    for name, meaning in rows:
        if width < NARROW or len(name) > names:
            lead = " " * (2 + (len(name) - len(name.lstrip()) if width >= NARROW else 0))
            yield from (paint(line, CYAN) for line in _wrapped(name, width, lead, lead + "  "))
            indent = 6 if width < NARROW else names + 4
            yield from _wrapped(meaning, width, " " * indent, " " * indent)
        else:
            first, *others = _wrapped(meaning, width - names - 4) or [""]
            yield f"  {paint(name, CYAN)}{' ' * (names - len(name))}  {first}".rstrip()
            yield from (" " * (names + 4) + line for line in others)


def _wrapped(text: str, width: int, first: str = "", others: str = "", *, hang: str = "") -> list[str]:
    """Lines of at most `width` columns, or of one word that is longer: names and URLs are never cut."""
    wrapper = TextWrapper(
        width=max(width - len(first) + len(others) if first != others else width, 20),
        initial_indent=others,
        subsequent_indent=others + hang,
        break_long_words=False,
        break_on_hyphens=False,
    )
    lines = wrapper.wrap(" ".join(text.split())) or [others]
    return [first + lines[0].removeprefix(others), *lines[1:]]


def _is_option(param: Any) -> bool:
    return bool(param.param_type_name == "option")


def _panel(param: Any) -> str:
    panel = getattr(param, "rich_help_panel", None)
    return panel if panel in PANELS else OTHERS


def _names(param: Any, ctx: Any) -> str:
    short = [name for name in param.opts if not name.startswith("--")]
    names = ", ".join([*short, *(name for name in param.opts if name.startswith("--"))])
    value = "" if param.is_flag else param.metavar or param.display_type_rich(ctx) or ""
    return f"{'' if short else '    '}{names} {value}".rstrip()


def _argument(param: Any) -> str:
    return str(param.metavar or param.name or "").strip("[].").upper()


def _purpose(command: Any) -> str:
    return str(command.short_help or (command.help or "").split("\n\n")[0])


def is_example(paragraph: str) -> bool:
    """Whether a paragraph of a command's docstring holds command lines: all of its lines begin with "$ "."""
    return all(line.startswith("$ ") for line in paragraph.splitlines())
