"""Highlighting that costs no more for the last line of long code than for the first."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rich.style import Style
from rich.syntax import ANSISyntaxTheme, Syntax
from rich.text import Text

if TYPE_CHECKING:
    from respan_cli.output.markdown.blocks import Block

# Code above the live rows that is read again to know in which state they start.
_CONTEXT = 1000

# Colours of the terminal's own palette that can be read on light and on dark, by Pygments' token types.
_THEME = ANSISyntaxTheme(
    {
        ("Comment",): Style(dim=True),
        ("Keyword",): Style(color="magenta"),
        ("Literal", "String"): Style(color="green"),
        ("Literal", "Number"): Style(color="cyan"),
        ("Name", "Function"): Style(bold=True),
        ("Name", "Class"): Style(bold=True),
        ("Name", "Tag"): Style(color="magenta"),
        ("Name", "Attribute"): Style(color="cyan"),
        ("Name", "Decorator"): Style(color="cyan"),
        ("Generic", "Deleted"): Style(color="red"),
        ("Generic", "Inserted"): Style(color="green"),
        ("Generic", "Heading"): Style(bold=True),
    }
)


def highlight(block: Block, end: int) -> Text:
    """The code of a block from what is already printed up to `end`."""
    code = block.source[:end]
    lexer = _lexer(_language(block))
    if not lexer:
        return Text(code[block.settled :])
    tokens = lexer.get_tokens(code + "\n")
    text = Text.assemble(*((value, _THEME.get_style_for_token(kind)) for kind, value in tokens))
    if text.plain != code + "\n":
        return Text(code[block.settled :])
    return text.divide([block.settled, len(code)])[1]


def forget(block: Block) -> None:
    """Drop code that is printed long since; reading begins at an empty line if there is one."""
    if block.settled <= 2 * _CONTEXT:
        return
    code = block.source
    start = max(code.rfind("\n\n", 0, block.settled - _CONTEXT) + 2, block.settled - 2 * _CONTEXT)
    block.lines = code[start:].split("\n")
    block.settled -= start


def _language(block: Block) -> str:
    words = block.info.lstrip("`~").split(maxsplit=1) if block.kind == "fence" else []
    return words[0].strip("{}.").lower() if words else ""


@lru_cache
def _lexer(name: str) -> Any:  # Pygments has no types
    return Syntax("", name).lexer if name not in {"", "text", "plain", "plaintext", "txt"} else None
