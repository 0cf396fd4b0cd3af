"""Lines in, blocks out: the block structure of CommonMark, one line at a time.

Only the last block is ever open; every block knows the containers (quotes, list items) it lies in, so
blocks are a flat sequence and no tree has to be kept. No text is swallowed: HTML and link reference
definitions are paragraphs.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field
from typing import Literal

from rich.text import Text

# A line longer than this is prose or code, and its first part decides what it is. One that may be of a table
# has more time for that.
LONG_LINE = 400
LONG_ROW = 1000

_QUOTE = re.compile(r" {0,3}> ?")
_ITEM = re.compile(r"( {0,3})([-+*]|\d{1,9}[.)])( +|$)")
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})\s*(.*)$")
_HEADING = re.compile(r" {0,3}(#{1,6})(?: +(.*?))??(?: +#+)? *$")
_RULE = re.compile(r" {0,3}(?:(?:\* *){3,}|(?:- *){3,}|(?:_ *){3,})$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+) *$")
_DELIMITERS = re.compile(r" {0,3}(?=.*\|)\|? *:?-+:? *(?:\| *:?-+:? *)*\|? *$")

Kind = Literal["paragraph", "heading", "fence", "indented", "table", "rule"]


@dataclass(eq=False)
class Container:
    """A block quote, or a list item with its marker and the column where its text starts."""

    marker: str = ""
    indent: int = 0
    number: int = 0
    siblings: str = ""  # what the items of one list have in common: the bullet, or the delimiter

    @property
    def is_quote(self) -> bool:
        return not self.siblings


@dataclass(eq=False)
class Block:
    """A leaf of the document, with what has been printed of it."""

    kind: Kind
    path: tuple[Container, ...]
    previous: tuple[Container, ...] | None  # the path of the block before
    apart: bool = False  # a blank line stands before it in the source
    info: str = ""
    level: int = 0
    lines: list[str] = field(default_factory=list)
    begun: bool = False  # its upper rows are already printed
    settled: int = 0  # characters of code that are already printed
    head: Text = field(default_factory=Text)  # the start of a paragraph, already parsed
    goes_on: bool = False  # its last line is only the first part of a long one, or was

    @property
    def source(self) -> str:
        """The text it holds."""
        return "\n".join(self.lines)

    @property
    def size(self) -> int:
        """The characters it holds."""
        return sum(map(len, self.lines)) + len(self.lines)

    def copy(self) -> Block:
        twin = copy.copy(self)
        twin.lines = list(self.lines)
        return twin

    def newest(self, height: int) -> Block:
        """A copy; of a table higher than the screen, the head and the newest rows."""
        twin = self.copy()
        room = max(1, height - 4)
        if self.kind == "table" and len(self.lines) > room + 2:
            twin.lines = self.lines[:2] + self.lines[-room:]
        return twin


class Blocks:
    """The open containers and the open block; `line` moves them on and returns what became complete."""

    def __init__(self) -> None:
        self.path: tuple[Container, ...] = ()
        self.block: Block | None = None
        self._before: tuple[Container, ...] | None = None
        self._blank = False
        self._done: list[Block] = []
        self._goes_on = False  # the line that is looked at is the first part of a long one

    def peek(self, line: str) -> list[Block]:
        """The unfinished blocks as they would look if this were the next line."""
        twin = copy.copy(self)
        twin._done = []
        twin.block = self.block and self.block.copy()
        return twin.line(line) + ([twin.block] if twin.block else [])

    def extend(self, text: str) -> bool:
        """More of the line that was given last; whether there is a block that can take it."""
        if not self.block or not self.block.lines:
            return False
        self.block.lines[-1] += text
        return True

    def line(self, line: str, *, goes_on: bool = False) -> list[Block]:
        """Take one line, or the first part of a long one that goes on; the blocks it completes."""
        self._goes_on = goes_on
        rest, depth = self._descend(line)
        matched = depth == len(self.path)
        if matched and self.block and self.block.kind == "fence":
            self._code(self.block, rest)
        elif not rest.strip():
            self._blank_line(depth)
        else:
            self._text(rest, depth)
        if self.block:
            self.block.goes_on = goes_on
        return self._take()

    def close(self) -> list[Block]:
        """The end of the text; the blocks it completes."""
        self._finish()
        return self._take()

    def _take(self) -> list[Block]:
        done, self._done = self._done, []
        return done

    def _descend(self, line: str) -> tuple[str, int]:
        """What is left of a line inside the containers that it continues, and how many these are."""
        for depth, container in enumerate(self.path):
            if container.is_quote:
                if not (quote := _QUOTE.match(line)):
                    return line, depth
                line = line[quote.end() :]
            elif not line.strip():
                line = ""
            elif _indent(line) >= container.indent:
                line = line[container.indent :]
            else:
                return line, depth
        return line, len(self.path)

    def _code(self, block: Block, rest: str) -> None:
        fence = " " * block.level
        mark = block.info[0]
        bare = rest.strip()
        if _indent(rest) < 4 and len(bare) >= _run(block.info, mark) and bare == mark * len(bare):
            self._finish()
            return
        block.lines.append(rest.removeprefix(fence) if rest.startswith(fence) else rest.lstrip(" "))

    def _blank_line(self, depth: int) -> None:
        if depth < len(self.path):
            self._leave(depth)
        if self.block and self.block.kind == "indented":
            self.block.lines.append("")
        else:
            self._finish()
        self._blank = True

    def _text(self, rest: str, depth: int) -> None:
        paragraph = self.block if self.block and self.block.kind == "paragraph" else None
        here = paragraph if depth == len(self.path) else None
        if here and self._promote(here, rest):
            return
        opened, rest, depth = self._containers(rest, depth, paragraph, here)
        if opened:
            if not rest.strip():
                self._open("paragraph", "")
                return
            paragraph = None
        if paragraph and not self._starts_block(rest):
            paragraph.lines.append(rest.lstrip(" "))
            return
        self._leaf(rest, depth)

    def _promote(self, paragraph: Block, rest: str) -> bool:
        """A paragraph turns out to be a heading, or its last line the head of a table."""
        if self._goes_on or paragraph.goes_on:
            return False
        underline = _UNDERLINE.match(rest)
        if underline and len(paragraph.lines) == 1 and paragraph.lines[0] and not paragraph.head:
            paragraph.kind, paragraph.level = "heading", 1 if underline[1][0] == "=" else 2
            self._finish()
            return True
        header = paragraph.lines[-1]
        if not _DELIMITERS.match(rest) or len(cells(header)) != len(cells(rest)):
            return False
        paragraph.lines.pop()
        if paragraph.lines or paragraph.head:
            self._finish()
            self._open("table", header)
        else:
            paragraph.kind, paragraph.lines = "table", [header]
        if self.block:
            self.block.lines.append(rest)
        return True

    def _containers(
        self, rest: str, depth: int, paragraph: Block | None, here: Block | None
    ) -> tuple[bool, str, int]:
        """Open the quotes and list items that start here."""
        opened = False
        while _indent(rest) < 4:
            interrupted = None if opened else here
            if quote := _QUOTE.match(rest):
                self._enter(depth, Container())
                rest = rest[quote.end() :]
            elif (item := _ITEM.match(rest)) and not _is_rule(rest) and _may_start(item, rest, interrupted):
                container = self._item(item, rest, depth)
                self._enter(depth, container)
                rest = rest[container.indent :]
            else:
                break
            depth += 1
            opened = True
        return opened, rest, depth

    def _item(self, match: re.Match[str], rest: str, depth: int) -> Container:
        marker = match[2]
        spaces = len(match[3])
        bare = match.end() == len(rest)
        indent = match.end(2) + (1 if bare or spaces > 4 else spaces)
        siblings = marker[-1]
        number = int(marker[:-1]) if marker[:-1] else 0
        before = self.path[depth] if depth < len(self.path) else None
        if before and before.siblings == siblings:
            number = before.number + 1
        shown = f"{number}{siblings}" if marker[:-1] else "•"
        return Container(shown, indent, number, siblings)

    def _enter(self, depth: int, container: Container) -> None:
        self._leave(depth)
        self.path = (*self.path, container)

    def _leave(self, depth: int) -> None:
        self._finish()
        self.path = self.path[:depth]

    def _leaf(self, rest: str, depth: int) -> None:
        block = self.block
        if block and depth == len(self.path):
            if block.kind == "indented" and _indent(rest) >= 4:
                block.lines.append(rest[4:])
                return
            if block.kind == "table" and "|" in rest and not self._starts_block(rest):
                block.lines.append(rest)
                return
        self._leave(depth)
        if _indent(rest) >= 4:
            self._open("indented", rest[4:])
        elif not self._goes_on and (fence := _FENCE.match(rest)):
            self._open("fence", None, info=fence[1] + fence[2], level=_indent(rest))
        elif heading := _HEADING.match(rest):
            self._open("heading", self._text_of(heading[2] or "", rest), level=len(heading[1]))
        elif _is_rule(rest):
            self._open("rule", "")
            self._finish()
        else:
            self._open("paragraph", self._text_of(rest.strip(" "), rest))
            self._keep_break(rest)

    def _text_of(self, text: str, rest: str) -> str:
        """A text without the spaces around it, but with those after which the line goes on."""
        return text + " " * (len(rest) - len(rest.rstrip(" "))) if self._goes_on else text

    def _keep_break(self, rest: str) -> None:
        if self.block and rest.endswith("  ") and not self._goes_on:
            self.block.lines[-1] += "  "

    def _starts_block(self, rest: str) -> bool:
        if _indent(rest) >= 4:
            return False
        return bool(_HEADING.match(rest) or (not self._goes_on and _FENCE.match(rest)) or _is_rule(rest))

    def _open(self, kind: Kind, line: str | None, *, info: str = "", level: int = 0) -> None:
        self._finish()
        lines = [] if line is None else [line]
        self.block = Block(kind, self.path, self._before, self._blank, info, level, lines)
        self._before = self.path
        self._blank = False

    def _finish(self) -> None:
        if self.block:
            self._done.append(self.block)
            self.block = None


def cells(line: str) -> list[str]:
    """The cells of a table row."""
    line = line.strip().removeprefix("|")
    if line.endswith("|") and not line.endswith("\\|"):
        line = line[:-1]
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _run(text: str, mark: str) -> int:
    return len(text) - len(text.lstrip(mark))


def _is_rule(rest: str) -> bool:
    return len(rest) < LONG_LINE and bool(_RULE.match(rest))


def _may_start(item: re.Match[str], rest: str, interrupted: Block | None) -> bool:
    """An item interrupts a paragraph only when it has text and, if numbered, starts at one."""
    if not interrupted:
        return True
    return bool(rest[item.end() :].strip()) and item[2] in {"-", "+", "*", "1.", "1)"}
