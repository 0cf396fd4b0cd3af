"""The block structure of a Markdown document that is still arriving, from markdown-it-py's block parser.

Only the last block can still change. What was parsed before it is forgotten, except for the containers that
are open (quotes, list items); of a long last block only a line or two are parsed again. A few lines before
them open the containers and the block again, so that the cost of a document is linear.

HTML and link reference definitions are paragraphs here: no text is swallowed.
"""

from __future__ import annotations

from dataclasses import replace

from respan_cli.output.markdown.reader import MARK, Block, BlockReader, Path


class BlockParser:
    """Takes lines and returns the blocks they complete; `block` is the last one as far as it is certain."""

    def __init__(self) -> None:
        self.block: Block | None = None
        self._path: Path = ()
        self._previous: Path | None = None
        self._opening: list[str] = []  # lines that open the containers and the block again
        self._lines: list[str] = []  # complete lines that are parsed again with what follows
        self._prefix = ""  # opens the block again in the middle of a line

    def feed(self, lines: list[str]) -> list[Block]:
        """Take complete lines; the blocks that can no longer change."""
        self._lines += [self._prefix + lines[0], *lines[1:]]
        self._prefix = ""
        is_text = self.block and self.block.kind == "paragraph"  # its last line is parsed again
        blocks = self._parse(self._lines, self._copy() if is_text else self.block)
        if not blocks:
            self._lines = list(dict.fromkeys(self._lines))  # one blank line means as much as many
            return []
        *done, last = blocks
        following = self._count(self._lines) - last.lines.stop  # blank lines
        if last.is_closed or (last.kind != "indented" and following):
            self._leave(last)
            return blocks
        if done:
            self._leave(done[-1])
        self._take_out(last, self._lines[len(self._lines) - following :])
        return done

    def feed_start(self, start: str) -> list[Block] | None:
        """Take the start of a long line, if it is text or code; the blocks that can no longer change.

        It must not be blank. None says that it was not taken.
        """
        if self.block and self.is_within_line:
            self.block.parts.append(start)
            return []
        lines = [*self._lines, start]
        *done, last = self._parse(lines, self._copy())
        if last.kind not in {"paragraph", "fence", "indented"} or last.lines.stop < self._count(lines):
            return None
        last.parts = [last.source.removesuffix("\n")]
        self._hold(last, last.opening, [])
        self._prefix = self._continuation() + ("    " if last.kind == "indented" else "") + MARK
        return done

    def peek(self, line: str | None = None) -> list[Block]:
        """The unfinished blocks, as they would look if this were the next line."""
        if self.block and self.is_within_line:
            return [replace(self.block, parts=[self.block.source, line or ""])]
        more = [line] if line else []
        return self._parse([*self._lines, *more], self._copy())

    @property
    def is_within_line(self) -> bool:
        """Whether any next line continues the block."""
        return bool(self._prefix)

    @property
    def pending(self) -> int:
        """Characters that are parsed again with the next line."""
        return sum(map(len, self._lines))

    def _parse(self, lines: list[str], block: Block | None) -> list[Block]:
        """The blocks in the open containers and these lines; the first one continues the block."""
        if not lines and not block:
            return []
        reader = BlockReader([*self._opening, *lines], self._path)
        blocks = [leaf for leaf in reader.blocks() if leaf.lines.start >= len(self._path)]
        previous, end = self._previous, len(self._opening)
        for leaf in blocks:
            between = reader.lines[end : leaf.lines.start]
            leaf.after_blank = any(not line.strip(" >") for line in between)
            leaf.previous = previous
            previous, end = leaf.path, leaf.lines.stop
        if block:
            blocks[0] = block.grow(blocks[0])
        return blocks

    def _copy(self) -> Block | None:
        return self.block and replace(self.block, parts=[self.block.source])

    def _count(self, lines: list[str]) -> int:
        return len(self._opening) + len(lines)

    def _leave(self, block: Block) -> None:
        """Go on after a block that is complete."""
        self._lines = self._lines[block.lines.stop - len(self._opening) :]
        self._previous = block.path
        self._open(block.path)
        if block.kind == "paragraph" and not block.source:  # a blank line ends an empty item
            self._opening[-1] = self._opening[-1].removesuffix("#")
        self.block = None

    def _take_out(self, block: Block, blank_lines: list[str]) -> None:
        """Keep no more of the last block's lines than may still change their meaning."""
        if block.kind == "indented":
            self._hold(block, ["    " + MARK], blank_lines)
        elif block.kind != "paragraph":
            self._hold(block, block.opening, [])
        elif len(block.lines) > 1 and block.source:
            block.parts = [block.source.rpartition("\n")[0]]
            self._hold(block, [MARK], self._lines[-1:])  # it may be the head of a table
        elif not block.source:
            self._lines = list(dict.fromkeys(self._lines))

    def _hold(self, block: Block, opening: list[str], rest: list[str]) -> None:
        self.block = block
        self._lines = rest
        self._open(block.path)
        self._opening += [self._continuation() + line for line in opening]

    def _open(self, path: Path) -> None:
        self._path = path
        self._opening = []
        before = ""
        for container in path:
            self._opening.append(f"{before}{container.source}#")
            before += container.continuation

    def _continuation(self) -> str:
        return "".join(container.continuation for container in self._path)
