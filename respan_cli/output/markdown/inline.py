"""The inside of a paragraph: emphasis, code, links, as Rich text."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from rich.style import Style
from rich.text import Text

from respan_cli.terminal.text import clean

if TYPE_CHECKING:
    from markdown_it.token import Token

# Markup that is not closed within so many characters is taken for plain text.
WINDOW = 4000

STYLES = {
    "em_open": Style(italic=True),
    "strong_open": Style(bold=True),
    "s_open": Style(strike=True),
    "link_open": Style(underline=True),
}
CODE = Style(color="cyan", bold=False)  # bold makes many terminals take a bright cyan, which white swallows
URL = Style(dim=True)

_MARKDOWN = MarkdownIt("commonmark").enable("strikethrough").disable(["html_inline"])
_WIDE = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_GAP = re.compile(rf"(?<=[^\s\\])(?: |\n(?![\[<]))(?=\S)|(?<=[{_WIDE}])(?=[{_WIDE}])")
_OPEN = sys.maxsize  # the end of a span that is not closed yet
_MARKUP = re.compile(r"[\\`*_~\[\]!<&\n]")
# Line ends that are kept: before link reference definitions and HTML, which are shown as they are.
_BREAK = re.compile(r"<br ?/?>", re.IGNORECASE)  # the only way to break a line within the cell of a table
_LINE_END = re.compile(r"(?<!\\)\n(?=\[[^\]\n]+\]:|<)")


def inline(source: str, base: Style | None = None) -> Text:
    """Rendered inline Markdown; nothing in it is swallowed."""
    if not _MARKUP.search(source):
        return Text().append(source, base)
    return _text(_parse(_LINE_END.sub("\\\\\n", source))[0], base or Style())


def split(source: str, start: int) -> int:
    """Where the text from `start` may be cut without a change of its look; 0 for nowhere yet."""
    window = source[start : start + WINDOW]
    tied = _tied(window)
    if cut := _last_gap(window, tied):
        return start + cut
    opener = _first_open(tied, window)
    if len(source) - start < opener + WINDOW:
        return 0
    window = source[start : start + opener + WINDOW]
    tied = _tied(window)
    if _first_open(tied, window) <= opener:
        tied = []
    return start + (_last_gap(window, tied) or len(window))


def _tied(window: str) -> list[tuple[int, int]]:
    """The stretches that must not be cut, in order, those that overlap made one."""
    tied: list[tuple[int, int]] = []
    for start, end in sorted(_parse(window)[1]):
        if tied and start < tied[-1][1]:
            tied[-1] = (tied[-1][0], max(end, tied[-1][1]))
        else:
            tied.append((start, end))
    return tied


def _first_open(tied: list[tuple[int, int]], window: str) -> int:
    return tied[-1][0] if tied and tied[-1][1] == _OPEN else len(window)


def _last_gap(window: str, tied: list[tuple[int, int]]) -> int:
    """The last place between two words that lies in no tied stretch; 0 if there is none."""
    end = len(window)
    for first, last in [*reversed(tied), (0, 0)]:
        for start in (max(last, end - 200), last):
            gaps = [gap.end() for gap in _GAP.finditer(window, max(0, start - 1), end + 1)]
            if fitting := [gap for gap in gaps if last <= gap <= end]:
                return fitting[-1]
        end = first
    return 0


def _parse(source: str) -> tuple[list[Token], list[tuple[int, int]]]:
    """The tokens of a text, and its stretches that belong together or may yet, when more text comes."""
    state = StateInline(source, _MARKDOWN, {}, [])
    rules = _MARKDOWN.inline.ruler.getRules("")
    starts: list[int] = []
    tied: list[tuple[int, int]] = []
    while state.pos < state.posMax:
        start, tokens = state.pos, len(state.tokens)
        if not any(rule(state, False) for rule in rules):
            state.append_pending(source[start])
            state.pos += 1
            if source[start] == "[":
                tied.append((start, _end_of_label(state, start)))
        elif source[start] in "`[!<&\\":
            closed = _is_closed(source[start], state.tokens[tokens:])
            tied.append((start, state.pos if closed else _OPEN))
        starts += [start] * (len(state.delimiters) - len(starts))
    if state.pending:
        state.pushPending()
    delimiters = list(state.delimiters)
    for finish in _MARKDOWN.inline.ruler2.getRules(""):
        finish(state)
    for mark, start in zip(delimiters, starts, strict=True):
        if mark.open:
            tied.append((start, _OPEN if mark.end == -1 else starts[mark.end] + 1))
    return state.tokens, tied


def _is_closed(mark: str, tokens: list[Token]) -> bool:
    """Whether no text to come can change this; a lone backtick, also one in a link, could yet start code."""
    if mark == "`":
        return bool(tokens)
    return not any("`" in token.content for token in tokens if token.type in {"text", "image"})


def _end_of_label(state: StateInline, start: int) -> int:
    """Where a bracket that is no link ends, if it cannot become one."""
    end = _MARKDOWN.helpers.parseLinkLabel(state, start)
    return _OPEN if end < 0 or state.src[end + 1 : end + 2] in {"", "("} else end + 1


def _text(tokens: list[Token], base: Style) -> Text:
    text = Text()
    styles = [base]
    links: list[tuple[str, int]] = []
    for token in tokens:
        if token.type == "link_open":
            links.append((str(token.attrs.get("href", "")), len(text)))
        if token.type == "link_close":
            styles.pop()
            _show_url(text, *links.pop(), styles[-1])
        elif token.nesting == 1:
            styles.append(styles[-1] + STYLES.get(token.type, Style()))
        elif token.nesting == -1:
            styles.pop()
        else:
            _append(text, token, styles[-1])
    return text


def _append(text: Text, token: Token, style: Style) -> None:
    if token.type == "softbreak":
        text.append(" ")
    elif token.type == "hardbreak":
        text.append("\n")
    elif token.type == "code_inline":
        text.append(clean(token.content), style + CODE)
    elif token.type == "image":
        start = len(text)
        text.append(clean(token.content), style)
        _show_url(text, str(token.attrs.get("src", "")), start, style)
    else:
        text.append(_BREAK.sub("\n", clean(token.content)), style)


def _show_url(text: Text, url: str, start: int, style: Style) -> None:
    shown = text.plain[start:]
    url = clean(url)
    if url and url not in (shown, f"mailto:{shown}"):
        text.append(f" ({url})" if shown else url, style + URL)
