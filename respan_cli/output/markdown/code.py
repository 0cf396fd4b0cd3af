"""Highlighting that costs no more for the last line of long code than for the first."""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from rich.cells import chop_cells
from rich.style import Style
from rich.syntax import ANSISyntaxTheme, Syntax
from rich.text import Text

if TYPE_CHECKING:
    from respan_cli.output.markdown.reader import Block

_MARGIN = "  "
_CONTEXT = 1000  # characters above the live rows that are read again to know in which state these start
_LONGEST_LINE = 2 * _CONTEXT  # characters; code with a longer line is data, and is not highlighted

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


def code_rows(block: Block, width: int) -> list[tuple[Text, int]]:
    """The unprinted rows of code, each with the place in the source where the next one starts."""
    rows: list[tuple[Text, int]] = []
    at = block.committed
    for line in _highlighted(block).split("\n", allow_blank=True):
        ends = list(accumulate(map(len, chop_cells(line.plain, max(1, width - len(_MARGIN))) or [""])))
        parts = zip(line.divide(ends), ends, strict=False)
        rows += [(Text(_MARGIN) + part, at + end) for part, end in parts]
        at += len(line) + 1
        rows[-1] = (rows[-1][0], at)
    return rows


def commit_code(block: Block, width: int, keep: int) -> list[Text]:
    """Take out the upper rows but `keep`: the highlighting of the last ones may still be corrected."""
    rows = code_rows(block, width)[: -max(1, keep)]
    if rows:
        block.committed = rows[-1][1]
        _drop_start(block)
    return [row for row, _ in rows]


def _drop_start(block: Block) -> None:
    """Drop code far above the live rows; it then begins after an empty line, if there is one."""
    if block.committed <= 2 * _CONTEXT:
        return
    code = block.source
    start = max(
        code.rfind("\n\n", 0, block.committed - _CONTEXT) + 2,
        block.committed - 2 * _CONTEXT,
    )
    block.parts = [code[start:]]
    block.committed -= start


def _highlighted(block: Block) -> Text:
    """The code of a block that is not printed yet."""
    code = block.source.rstrip()
    block.is_plain = block.is_plain or max(map(len, code.split("\n"))) > _LONGEST_LINE
    lexer = None if block.is_plain else _lexer(_language(block))
    if not lexer:
        return Text(code[block.committed :])
    tokens = lexer.get_tokens(code + "\n")
    text = Text.assemble(*((value, _THEME.get_style_for_token(kind)) for kind, value in tokens))
    if text.plain != code + "\n":
        return Text(code[block.committed :])
    return text.divide([block.committed, len(code)])[1]


def _language(block: Block) -> str:
    words = block.info.split(maxsplit=1)
    return words[0].strip("{}.").lower() if words else ""


@lru_cache
def _lexer(name: str) -> Any:  # Pygments has no types
    return Syntax("", name).lexer if name not in {"", "text", "plain", "plaintext", "txt"} else None
