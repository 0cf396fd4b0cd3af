"""The help page of a command, from its docstring: what it is for, examples, then its options in groups.

Drawn by ourselves and not by Typer with Rich: that cuts long flags and URLs at 80 columns, reads brackets
as markup, colours logs of GitHub Actions, and takes twice as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from textwrap import TextWrapper
from typing import Any

import typer
from typer.core import TyperGroup

from respan_cli.terminal.terminal import Terminal

# The groups, most wanted first; options without a group come last.
PANELS = ("Check", "Rows", "Message", "Identity", "Output", "Connection")
OTHERS = "Options"
WIDEST = 100  # columns; longer lines are hard to read
NARROW = 60  # columns; below, names and meanings no longer fit side by side
NAMES = 26  # columns for names beside their meanings; longer names get a line of their own

BOLD, CYAN, RESET = "\x1b[1m", "\x1b[36m", "\x1b[0m"

Paint = Callable[[str, str], str]  # text and style -> styled text


def show_page(ctx: typer.Context, terminal: Terminal) -> None:
    """Show the help of the context's command."""
    painted = terminal.use_color()

    def paint(text: str, style: str) -> str:
        return f"{style}{text}{RESET}" if painted else text

    width = min(terminal.width, WIDEST)
    terminal.write_now("\n".join(page(ctx, width, paint)) + "\n")


def page(ctx: typer.Context, width: int, paint: Paint) -> Iterator[str]:
    """The lines of the help."""
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
