"""The leaves of a Markdown text, and the containers around each, from markdown-it-py's block parser."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, paragraph
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown_it.token import Token

MARK = "\x01"  # stands for text that was taken out; `clean` removes it from every answer
_MAX_LEVEL = 40  # of nested quotes and lists; what opens deeper ones is text
_QUOTE = re.compile(r" {0,3}> ?")
_ITEM = re.compile(r"( {0,3})([-+*]|\d{1,9}[.)])( +|$)")
# A line end with the spaces around it that mean nothing; two before it are a line break.
_LINE_END = re.compile(r"(?:(?<! ) )?\n *")

Kind = Literal["paragraph", "heading", "fence", "indented", "table", "rule"]
_KINDS: dict[str, Kind] = {
    "paragraph_open": "paragraph",
    "heading_open": "heading",
    "fence": "fence",
    "code_block": "indented",
    "table_open": "table",
    "hr": "rule",
}


@dataclass(eq=False)
class Container:
    """A block quote, or a list item with the marker that is shown for it."""

    source: str = "> "  # the characters that open it
    bullet: str = ""  # what the items of a list have in common: the bullet, or the delimiter after numbers
    number: int = 0

    @property
    def is_quote(self) -> bool:
        return not self.bullet

    @property
    def marker(self) -> str:
        return "•" if self.bullet in {"-", "+", "*"} else f"{self.number}{self.bullet}".rjust(3)

    @property
    def continuation(self) -> str:
        """The characters with which a further line of it begins."""
        return self.source if self.is_quote else " " * len(self.source)

    def strip(self, line: str, *, opens: bool) -> str:
        """A line of it without the characters that open or continue it."""
        if self.is_quote:
            return _QUOTE.sub("", line, count=1)
        spaces = len(line) - len(line.lstrip(" "))
        return line[len(self.source) :] if opens else line[min(len(self.source), spaces) :]


Path = tuple[Container, ...]


@dataclass(eq=False)
class Block:
    """A leaf of the document, with what of it has been printed."""

    kind: Kind
    path: Path
    lines: range  # of the text that was parsed
    parts: list[str]  # its source
    info: str = ""
    level: int = 0
    opening: list[str] = field(default_factory=list)  # the lines that begin a fence or a table
    is_closed: bool = False  # no further line can belong to it
    previous: Path | None = None  # the path of the block before
    after_blank: bool = False
    is_begun: bool = False  # its upper rows are in the scrollback
    committed: int = 0  # characters of code that are in the scrollback
    head: Text = field(default_factory=Text)  # the start of a paragraph, already parsed
    is_plain: bool = False  # its code is not highlighted any more

    @property
    def source(self) -> str:
        if len(self.parts) != 1:
            self.parts = ["".join(self.parts)]
        return self.parts[0]

    def newest(self, height: int) -> Block:
        """The block; of a table higher than the screen the head and the newest rows."""
        lines = self.source.split("\n") if self.kind == "table" else []
        rows = max(1, height - 4)
        if len(lines) <= rows + 2:
            return self
        return replace(self, parts=["\n".join(lines[:2] + lines[-rows:])])

    def grow(self, new: Block) -> Block:
        """Add its continuation, which was parsed without what had been taken out of this block."""
        is_text = self.kind == "paragraph" and (self.is_begun or bool(self.head) or new.kind == "table")
        added = new.source.removeprefix(MARK)
        if self.kind == "table":
            added = "".join("\n" + row for row in added.split("\n")[2:])
        self.parts.append(added)
        self.kind = self.kind if is_text else new.kind
        self.level, self.lines, self.is_closed = new.level, new.lines, new.is_closed
        return self


class BlockReader:
    """Reads the leaves, and the containers of each, from markdown-it's tokens.

    The first containers of the text are `known`: one starts in each of the first lines.
    """

    def __init__(self, lines: list[str], known: Path) -> None:
        self.lines = lines
        self._known = known
        self._path: list[tuple[Container, int]] = []  # with the line that opens it
        self._siblings: list[Container | None] = []  # the last item of each open list

    def blocks(self) -> Iterator[Block]:
        tokens: list[Token] = []
        _MARKDOWN.block.parse("\n".join(self.lines) + "\n", _MARKDOWN, {}, tokens)
        for token, following in zip(tokens, [*tokens, None][1:], strict=True):
            kind = _KINDS.get(token.type)
            if kind:
                yield self._leaf(kind, token, following)
            elif token.type in {"blockquote_open", "list_item_open"}:
                self._enter(token)
                if following and following.type in {"blockquote_close", "list_item_close"}:
                    yield self._empty(token)
            elif token.type in {"blockquote_close", "list_item_close"}:
                self._path.pop()
            elif token.type.endswith("list_open"):
                self._siblings.append(None)
            elif token.type.endswith("list_close"):
                self._siblings.pop()

    def _leaf(self, kind: Kind, token: Token, following: Token | None) -> Block:
        start, end = token.map or (0, 0)
        block = Block(kind, self._containers(), range(start, end), [token.content], token.info)
        if kind == "heading":
            block.level = int(token.tag[1:])
        if kind in {"heading", "paragraph"} and following:
            block.parts = [_LINE_END.sub("\n", following.content)]
        elif kind == "indented":
            block.parts = [token.content.removesuffix("\n")]
        elif kind == "fence":
            block.opening = [self._inside(start)]
        elif kind == "table":
            rows = [self._inside(line).strip(" ") for line in block.lines]
            block.opening, block.parts = rows[:2], ["\n".join(rows)]
        is_ended = kind == "fence" and len(block.lines) - 1 > token.content.count("\n")
        block.is_closed = kind in {"heading", "rule"} or is_ended
        return block

    def _empty(self, token: Token) -> Block:
        """A quote or a list item without text."""
        start, end = token.map or (0, 1)
        is_item = token.type == "list_item_open"
        while end > start + 1 and (is_item or not self.lines[end - 1].strip()):
            end -= 1
        return Block("paragraph", self._containers(), range(start, end), [""])

    def _enter(self, token: Token) -> None:
        start = token.map[0] if token.map else 0
        is_item = token.type == "list_item_open"
        if len(self._path) == start < len(self._known):
            container = self._known[start]
        else:
            container = self._item(token, start) if is_item else Container()
        if is_item:
            self._siblings[-1] = container
        self._path.append((container, start))

    def _item(self, token: Token, start: int) -> Container:
        rest = self._inside(start)
        match = _ITEM.match(rest)
        spaces = len(match[3]) if match else 1
        is_bare = not match or match.end() == len(rest)
        width = (match.end(2) if match else 1) + (1 if is_bare or spaces > 4 else spaces)
        before = self._siblings[-1]
        number = before.number + 1 if before else int(token.info or 0)
        return Container(rest[:width].ljust(width), token.markup, number)

    def _containers(self) -> Path:
        return tuple(container for container, _ in self._path)

    def _inside(self, line: int) -> str:
        """A line without what belongs to the containers around it."""
        text = self.lines[line]
        for container, start in self._path:
            text = container.strip(text, opens=start == line)
        return text


def _too_deep(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A rule that limits nesting: markdown-it would drop text nested deeper than its own limit."""
    return state.level > _MAX_LEVEL and paragraph(state, start, end, silent)


_MARKDOWN = (
    MarkdownIt("commonmark", {"maxNesting": 1000}).enable("table").disable(["html_block", "reference"])
)
_MARKDOWN.block.ruler.before("blockquote", "too_deep", _too_deep)
