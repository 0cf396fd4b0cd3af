"""Markdown on a terminal, judged by what a person sees: the screen and the scrollback above it."""

# The documents read best with one source line for each of their parts.
# ruff: noqa: E501

from __future__ import annotations

import html
import json
import random
import re
import sys
from pathlib import Path

import pyte
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from respan_cli.output.markdown import MarkdownStream
from respan_cli.terminal.text import clean

DOCUMENTS = {
    "mixed": """# Heading *one*

Some **bold** text, `code`, a [link](https://x.y/z?a=1) and <b>html</b> [red]x[/red] ~~gone~~ ![image](http://i/p.png).
Second line 漢字テスト 😀 and a hard break\\
here.
## Heading right after
- one
- two
  - nested `x`
    ```python
    def f(x: int) -> str:
        return "a" + str(x)  # 説明
    ```
- three

Title
=====
Text
---
***
<div>
kept &amp; shown
</div>
""",
    "lists": "".join(f"{n}. item **{n}** with some words that wrap on a narrow terminal\n" for n in range(1, 13))
    + "\n1) other\n\n   second paragraph\n\n   - deep\n     - deeper\n       > quoted\n\n2) loose\n-\n- after an empty one\n",
    "code": "Before:\n```js\n" + "".join(f"const v{n} = `x${{{n}}}`; /* {n} */\n\n" for n in range(15)) + "```\n\n    indented\n\n    code\nafter\n",
    "open code": "~~~\n" + "line of an unclosed fence that is longer than twenty columns\n" * 12,
    "table": "Intro\n| Name | Value | 漢字 |\n|---|--:|:-:|\n"
    + "".join(f"| row {n} | `{n * n}` | **漢** \\| 😀 | extra |\n" for n in range(30))
    + "\n> | a | b |\n> |---|---|\n> | 1 | 2 |\n> lazy\n\n- | c | d |\n  |---|---|\n  | 3 |\n",
    "paragraphs": ("A long *paragraph with* many words, 2 * 3, snake_case, `code span` and [a](b c). " * 12 + "\n") * 2
    + "\n中文的段落没有空格。" + "这一段很长，必须在宽字符之间换行。" * 20 + "\n\n" + "unbroken" * 60 + " **never closed " + "w " * 60,
    "definitions": "See [a][1] and [b].\n\n[1]: https://example.com 'title'\n[b]: http://b\n\n> quote\nlazy\n> - a\n> - b\n>\n> end\n",
    "odd": "*\n\n* x\n\n      code in item\n\n10. ten\n\ttab\ttext\n\n#no heading\n#\n# \n``` a`b\n\n>\n> \n> x\n\n| a |\n|---|\n\r\nend  \nbreak",
}  # fmt: skip


class LikeTmux(pyte.HistoryScreen):
    """A screen that keeps what it is made to forget, as tmux does, and that is resized as in xterm, VTE and tmux."""

    def erase_in_display(self, how: int = 0, *args: object, **kwargs: object) -> None:
        if how == 0 and (self.cursor.x, self.cursor.y) == (0, 0):
            for row in self.display:
                self._remember(row.rstrip())
        super().erase_in_display(how, *args, **kwargs)

    def reshape(self, width: int, height: int) -> None:
        """Wrap long rows anew; then cut off what lies below the cursor, and scroll only for what is left."""
        rows = [row.rstrip() for row in self.display]
        column, above = self.cursor.x, _broken(rows[: self.cursor.y], width)
        here, below = (
            _broken(rows[self.cursor.y :][:1], width),
            _broken(rows[self.cursor.y + 1 :], width),
        )
        above += here[: min(column // width, len(here) - 1)]
        rows = [*above, *here[min(column // width, len(here) - 1) :], *below]
        gone = max(0, len(above) + 1 - height)
        for row in rows[:gone]:
            self._remember(row)
        self.resize(height, width)
        super().erase_in_display(2)
        for y, row in enumerate(rows[gone:][:height]):
            for x, character in enumerate(row):
                self.buffer[y][x] = self.default_char._replace(data=character)
        self.cursor.y, self.cursor.x = len(above) - gone, min(column % width, width - 1)

    def _remember(self, row: str) -> None:
        line: pyte.screens.StaticDefaultDict[int, pyte.screens.Char] = pyte.screens.StaticDefaultDict(
            self.default_char
        )
        line.update((x, self.default_char._replace(data=character)) for x, character in enumerate(row))
        self.history.top.append(line)


def _broken(rows: list[str], width: int) -> list[str]:
    return [row[at : at + width] for row in rows for at in range(0, max(1, len(row)), width)]


class Terminal:
    """A terminal emulator that remembers what scrolled away."""

    def __init__(self, width: int, height: int) -> None:
        self.screen = LikeTmux(width, height, history=100_000)
        self.screen.set_mode(pyte.modes.LNM)
        self._stream = pyte.Stream(self.screen)
        self.bytes = 0

    def write(self, text: str) -> None:
        self.bytes += len(text.encode())
        self._stream.feed(text)

    def size(self) -> tuple[int, int]:
        return self.screen.columns, self.screen.lines

    def picture(self) -> list[str]:
        above = ["".join(row[x].data for x in range(self.screen.columns)) for row in self.screen.history.top]
        rows = [row.rstrip() for row in [*above, *self.screen.display]]
        while rows and not rows[-1]:
            rows.pop()
        return rows


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def stream(deltas: list[str], width: int, height: int, step: float = 0.1) -> Terminal:
    terminal, clock = Terminal(width, height), Clock()
    markdown = MarkdownStream(terminal.write, terminal.size, clock=clock)
    for delta in deltas:
        markdown.feed(delta)
        clock.now += step
    markdown.close()
    return terminal


def pieces(text: str, longest: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    cut: list[str] = []
    while text:
        size = chance.randint(1, longest)
        cut.append(text[:size])
        text = text[size:]
    return cut


CHUNKS = [(1, 0.01), (40, 0.1), (300, 0.05)]


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize(("width", "height"), [(20, 5), (40, 24), (80, 5), (200, 24)])
def test_any_chunking_leaves_the_picture_of_the_whole_text(name: str, width: int, height: int) -> None:
    text = DOCUMENTS[name]
    expected = stream([text], width, height, step=0).picture()
    for longest, step in CHUNKS:
        assert stream(pieces(text, longest, seed=longest), width, height, step).picture() == expected


@pytest.mark.parametrize("seed", range(8))
def test_shuffled_markdown_leaves_the_same_picture_in_any_chunking(seed: int) -> None:
    chance = random.Random(seed)
    lines = [line for text in DOCUMENTS.values() for line in text[:1500].split("\n")]
    text = "\n".join(chance.choice(["", "  ", "> ", "- "]) + chance.choice(lines) for _ in range(40))
    width, height = chance.choice([20, 40, 80]), chance.choice([5, 24])
    expected = stream([text], width, height, step=0).picture()
    assert stream(pieces(text, 60, seed), width, height).picture() == expected


@pytest.mark.parametrize("seed", [3, 6, 21, 33])
def test_a_long_paragraph_full_of_stray_markup_is_the_same_in_any_chunking(seed: int) -> None:
    marks = ["**", "*", "`", "[", "~~", "_", "\n", "\\", "!["]
    words = ["word ", "](u) ", "<http://a> ", "longer words here ", "中文", "&amp; ", "and, so. "] * 6
    text = "".join(random.Random(seed).choices(marks + words, k=1500))
    expected = stream([text], 40, 24, step=0).picture()
    assert stream(pieces(text, 60, seed), 40, 24).picture() == expected


def test_no_word_of_an_answer_is_swallowed() -> None:
    for text in DOCUMENTS.values():
        shown = re.sub(r"\W", "", "".join(stream([text], 200, 24).picture()))
        for word in re.findall(r"[A-Za-z]{2,}|[\u4e00-\u9fff]+", text):
            assert word in shown or word in {"python", "js", "amp"}


def test_structure_is_seen_at_a_glance() -> None:
    text = (
        "# Title\nIntro [red]x[/red] <b>y</b>\n9. nine\n10. ten\n    - deep\n\n> quote\n---\n```\ncode\n```"
    )
    assert stream([text], 40, 24).picture() == [
        "Title",
        "",
        "Intro [red]x[/red] <b>y</b> 9. nine 10.",
        "ten - deep",
        "",
        "│ quote",
        "",
        "────────────────",
        "",
        "  code",
    ]


def test_numbers_of_a_list_stand_in_one_column() -> None:
    text = "9. nine\n10. ten\n    - deep\n    - deep\n11. eleven"
    assert stream([text], 40, 24).picture() == [
        " 9. nine",
        "10. ten",
        "    • deep",
        "    • deep",
        "11. eleven",
    ]


def test_a_table_of_wide_characters_keeps_its_columns() -> None:
    shown = stream(["| a | b |\n|---|--:|\n| 漢字 | 1 |\n| x | 200 |\n"], 40, 24).screen.display
    assert [row.replace(" ", "").rstrip() for row in shown[:4]] == ["ab", "─" * 10, "漢字1", "x200"]
    assert len({row.rstrip().rfind(mark) + 1 for row, mark in [(shown[0], "b"), (shown[3], "0")]}) == 1


def test_a_narrow_terminal_shows_a_wide_table_as_records() -> None:
    text = "| one | two | three | four |\n|-|-|-|-|\n| a | b | c | d |"
    assert stream([text], 20, 24).picture() == ["one: a", "two: b", "three: c", "four: d"]


def test_a_table_breaks_no_word_that_its_terminal_has_room_for() -> None:
    text = (
        "| word | explanation |\n|---|---|\n| supplementary | an addition |\n| x | many words, and more |\n"
    )
    assert stream([text], 32, 24).picture() == [
        "word            explanation",
        "─" * 32,
        "supplementary   an addition",
        "x               many words, and",
        "                more",
    ]
    assert stream([text], 26, 24).picture()[:2] == ["word: supplementary", "explanation: an addition"]
    unnamed = stream(["| | second |\n|---|---|\n| first | elsewhere |\n"], 16, 24).picture()
    assert unnamed == ["first", "second:", "elsewhere"]


def test_the_titles_of_a_table_stand_just_above_their_columns() -> None:
    text = "| two words | b |\n|---|--:|\n| words | supplementary |\n"
    assert stream([text], 21, 24).picture() == ["two", f"words{'b':>16}", "─" * 21, "words   supplementary"]


def test_a_heading_may_have_two_lines_and_a_list_may_begin_below_its_marker() -> None:
    text = "One\ntwo\n===\n-\n  three\n-\n\nfour"
    for deltas in ([text], list(text)):
        assert stream(deltas, 40, 24).picture() == ["One two", "", "• three", "•", "", "four"]


def test_a_line_break_of_html_breaks_the_line() -> None:
    text = "| a | b |\n|---|---|\n| one<br>two<BR/>three | `<br>` |\n\nfour<br />five"
    assert stream([text], 40, 24).picture() == [
        *("a       b", "────────────", "one     <br>", "two", "three"),
        *("", "four", "five"),
    ]
    assert stream(["six\\\n<b>seven</b>"], 40, 24).picture() == ["six", "<b>seven</b>"]


@pytest.mark.parametrize("text", ["👨‍👩‍👧‍👦", "👍🏽", "🇩🇪", "❤️", "e\u0301", "न\u093f"])
def test_what_is_shown_as_one_character_is_written_at_once(text: str) -> None:
    written: list[str] = []
    clock = Clock()
    markdown = MarkdownStream(written.append, lambda: (80, 24), clock=clock)
    for piece in f"A long beginning, for there to be frames, {text * 3} end":
        markdown.feed(piece)
        clock.now += 0.1
    assert len(written) > 30
    for frame in written:
        assert frame[0] == "\r" or frame[0] not in text[1:]


@pytest.mark.parametrize("name", ["paragraph", "fence", "list", "item", "table", "cjk"])
def test_bytes_and_work_grow_with_the_text_on_a_slow_stream(name: str) -> None:
    for size in (2_000, 6_000):
        text = enormous(name)[:size]
        written: list[str] = []
        clock = Clock()
        markdown = MarkdownStream(written.append, lambda: (80, 24), clock=clock)
        for at in range(0, len(text), 12):
            markdown.feed(text[at : at + 12])
            clock.now += 0.1
        markdown.close()
        assert len("".join(written).encode()) < 12 * len(text.encode())
        assert markdown.rendered < 40 * len(text.encode())


def enormous(name: str) -> str:
    rows = range(400)
    return {
        "paragraph": "some words **bold** and `code`, ever more of them " * 400,
        "fence": "```python\n" + "def f(x: int) -> str:\n    return 'a' + str(x)  # why\n\n" * 400,
        "list": "".join(f"{n + 1}. item {n} with **bold** text\n" for n in rows),
        "item": "- start\n\n" + "".join(f"  paragraph {n} of one long item\n\n" for n in rows),
        "table": "| a | b |\n|---|---|\n" + "".join(f"| cell {n} | another cell {n * n} |\n" for n in rows),
        "cjk": "这一段很长，必须在宽字符之间换行。" * 800,
    }[name]


def test_text_appears_while_a_slow_stream_runs() -> None:
    terminal, clock = Terminal(40, 24), Clock()
    markdown = MarkdownStream(terminal.write, terminal.size, clock=clock)
    for word in ["Hello ", "**big** ", "world, ", "```"]:
        clock.now += 0.3
        markdown.feed(word)
    assert terminal.picture() == ["Hello big world, ```"]


def test_an_open_fence_is_highlighted_and_short_code_stays_live() -> None:
    written: list[str] = []
    clock = Clock()
    markdown = MarkdownStream(written.append, lambda: (80, 24), clock=clock)
    markdown.feed("```python\nreturn 'text'\n")
    assert "\x1b[35mreturn\x1b[0m" in "".join(written)


def test_a_stream_without_colours_writes_no_styles() -> None:
    written: list[str] = []
    markdown = MarkdownStream(written.append, lambda: (80, 24), color_system=None)
    markdown.feed(DOCUMENTS["mixed"])
    markdown.close()
    assert not re.search(r"\x1b\[[\d;]*m", "".join(written))


def test_an_interrupted_answer_stays_with_the_cursor_on_its_own_line() -> None:
    terminal, clock = Terminal(40, 24), Clock()
    markdown = MarkdownStream(terminal.write, terminal.size, clock=clock)
    markdown.feed("Half an ans")
    markdown.close()
    assert terminal.picture() == ["Half an ans"]
    assert (terminal.screen.cursor.y, terminal.screen.cursor.x) == (1, 0)


@pytest.mark.parametrize("width", [60, 120])
def test_a_resize_neither_repeats_nor_loses_text(width: int) -> None:
    text = "".join(f"Paragraph {n} has some words.\n\n" for n in range(40))
    terminal, clock = Terminal(80, 10), Clock()
    markdown = MarkdownStream(terminal.write, terminal.size, clock=clock)
    for number, delta in enumerate(pieces(text, 9, seed=1)):
        markdown.feed(delta)
        clock.now += 0.1
        if number == 100:
            terminal.screen.resize(10, width)
    markdown.close()
    assert [row for row in terminal.picture() if row] == [row for row in text.split("\n") if row]


SHAPES = {
    "table": "| n | title |\n|---|---|\n" + "".join(f"| {n} | item{n} of it |\n" for n in range(50)),
    "code": "```\n" + "".join(f"item{n} of the code\n" for n in range(80)) + "```",
    "line": " ".join(f"item{n}" for n in range(300)),
    "list": "".join(f"- item{n} of a list\n" for n in range(80)),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("heights", [(10,), (10, 5, 30), (20, 15, 10, 6, 24)])
def test_a_window_that_loses_height_neither_repeats_nor_loses_a_row(
    name: str, heights: tuple[int, ...]
) -> None:
    text = f"Intro.\n\n{SHAPES[name]}\n\nThe end."
    for first in range(15, 60, 5):
        left = list(heights)
        terminal, clock = Terminal(80, 24), Clock()
        markdown = MarkdownStream(terminal.write, terminal.size, clock=clock)
        for number, delta in enumerate(pieces(text, 30, seed=1)):
            markdown.feed(delta)
            clock.now += 0.1
            if left and number >= first and not (number - first) % 7:
                terminal.screen.reshape(80, left.pop(0))
        markdown.close()
        picture = "\n".join(terminal.picture())
        assert re.findall(r"Intro|title|item\d+|The end", picture) == re.findall(
            r"Intro|title|item\d+|The end", text
        )


@pytest.mark.parametrize("name", ["code", "line", "list"])
@pytest.mark.parametrize("width", [79, 39])
def test_a_window_made_half_as_wide_neither_repeats_nor_loses_a_word(name: str, width: int) -> None:
    text = f"Intro.\n\n{SHAPES[name]}\n\nThe end."
    for first in range(2, 60, 4):
        terminal, clock = Terminal(80, 24), Clock()
        markdown = MarkdownStream(terminal.write, terminal.size, clock=clock)
        for number, delta in enumerate(pieces(text, 30, seed=1)):
            markdown.feed(delta)
            clock.now += 0.1
            if number == first:
                terminal.screen.reshape(width, 24)
        markdown.close()
        shown = "".join(terminal.picture()).replace(" ", "")
        assert re.findall(r"Intro|item\d+|The\s?end", shown) == re.findall(
            r"Intro|item\d+|Theend", text.replace("The end", "Theend")
        )


@pytest.mark.parametrize("container", ["", "> ", "- ", "# "])
def test_a_long_line_keeps_its_spaces_wherever_it_is_taken_apart(container: str) -> None:
    for shift in range(5):
        text = container + "x" * shift + " abcd" * 500
        words = " ".join(row.strip("│ •") for row in stream([text], 79, 24).picture()).split()
        assert set(words[shift > 0 :]) == {"abcd"}


def test_control_characters_never_reach_the_terminal() -> None:
    written: list[str] = []
    markdown = MarkdownStream(written.append, lambda: (80, 24), color_system=None)
    markdown.feed("a\x1b]0;title\x07 \x9b31m \u202eb &#x202e; <http://x/%1b%E2%80%AE> \ud800 \r\n\r\nend")
    markdown.close()
    text = "".join(written).replace("\r\n", "\n")
    assert re.sub(r"[\n -~\ufffd]", "", text) == ""


def test_clean_keeps_newlines_tabs_and_every_letter() -> None:
    assert clean("plain") == "plain"
    assert clean("a\tb\r\nc\x00\x1b[31m\x7f\x85é漢😀\ud83d") == "a\tb\nc[31mé漢😀\ufffd"


def test_what_was_held_back_to_save_work_is_drawn_in_a_lull() -> None:
    terminal, clock = Terminal(80, 24), Clock()
    markdown = MarkdownStream(terminal.write, terminal.size, clock=clock)
    markdown.feed("```\n" + "A line of code that is not short.\n" * 20)
    clock.now += 1
    markdown.feed("The end")
    assert (markdown.is_behind, "The end" in "".join(terminal.picture())) == (True, False)
    clock.now += 1
    markdown.catch_up()
    assert (markdown.is_behind, "The end" in "".join(terminal.picture())) == (False, True)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_paper_gets_the_picture_without_a_cursor_movement(name: str) -> None:
    written: list[str] = []
    markdown = MarkdownStream(written.append, lambda: (60, 24), color_system=None, live=False)
    for piece in pieces(DOCUMENTS[name], 30, seed=1):
        markdown.feed(piece)
    markdown.close()
    paper = "".join(written)
    assert not re.search("[\r\x1b]", paper)
    assert paper.rstrip("\n").split("\n") == stream([DOCUMENTS[name]], 60, 24, step=0).picture()


class Writer:
    """Writes documents in which all constructs of Markdown lie in each other, of words that occur once."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.words = 0

    def document(self) -> str:
        return "\n".join(self.blocks(0)) + self.chance.choice(["", "\n", "\n\n"])

    def blocks(self, depth: int) -> list[str]:
        lines: list[str] = []
        for _ in range(self.chance.randint(1, 3 - (depth > 0))):
            lines += [""] * bool(lines and self.chance.random() < 0.7) + self.block(depth)
        return lines

    def block(self, depth: int) -> list[str]:
        leaves = [
            self.paragraph,
            self.heading,
            self.underlined,
            self.rule,
            self.fence,
            self.indented,
            self.table,
        ]
        containers = [self.quote, self.bullets, self.numbers]
        if depth < 4 and self.chance.random() < 0.5:
            return self.chance.choice(containers)(depth + 1)
        return self.chance.choice([*leaves, self.shown_as_it_is])()

    def word(self) -> str:
        self.words += 1
        return f"w{self.words}"

    def text(self) -> str:
        forms = [
            "{}",
            "{}",
            "{}",
            "*{}*",
            "**{} {}**",
            "`{} {}`",
            "[{}](/{})",
            "~~{}~~",
            "漢字{}",
            "{}\\",
            "2 * {}",
        ]
        forms += [
            "<b>{}</b>",
            "![{}](/{})",
            "&amp; {}",
            "**{}",
            "[{}]",
            "<http://{}>",
            "- {}",
            "# {}",
            "1. {}",
        ]
        chosen = self.chance.choices(forms, k=self.chance.randint(1, 6))
        return " ".join(form.format(*(self.word() for _ in range(form.count("{}")))) for form in chosen)

    def paragraph(self) -> list[str]:
        return [self.text() for _ in range(self.chance.randint(1, 3))]

    def heading(self) -> list[str]:
        return ["#" * self.chance.randint(1, 6) + " " + self.text()]

    def underlined(self) -> list[str]:
        return [*self.paragraph(), self.chance.choice(["===", "---"])]

    def rule(self) -> list[str]:
        return [self.chance.choice(["***", "---", "_ _ _"])]

    def fence(self) -> list[str]:
        fence = self.chance.choice(["```", "~~~~"])
        code = [self.chance.choice(["", "  "]) + self.text() for _ in range(self.chance.randint(0, 6))]
        return [fence + self.chance.choice(["", "python", "json"]), *code, "", *code[:1], fence]

    def indented(self) -> list[str]:
        return ["    " + self.text(), "", "      " + self.text()]

    def table(self) -> list[str]:
        rows = [f"| {self.word()} | **{self.word()}** |" for _ in range(self.chance.randint(1, 5))]
        return [rows[0], self.chance.choice(["|---|:-:|", "| --- | --: |"]), *rows[1:]]

    def shown_as_it_is(self) -> list[str]:
        word = self.word()
        return self.chance.choice(
            [[f"<div>{word}", "</div>"], [f"[{word}]: http://x/{word}"], [f"<!-- {word} -->"]]
        )

    def quote(self, depth: int) -> list[str]:
        lazy = self.chance.random() < 0.1
        return [line if lazy and at else f"> {line}" for at, line in enumerate(self.blocks(depth))]

    def bullets(self, depth: int) -> list[str]:
        mark = self.chance.choice(["- ", "*   ", "+  "])
        return [line for _ in range(self.chance.randint(1, 2)) for line in self.item(mark, depth)]

    def numbers(self, depth: int) -> list[str]:
        first = self.chance.randint(1, 98)
        return [line for n in range(self.chance.randint(1, 2)) for line in self.item(f"{first + n}. ", depth)]

    def item(self, mark: str, depth: int) -> list[str]:
        if self.chance.random() < 0.05:
            return [mark.rstrip()]
        first, *rest = self.blocks(depth)
        end = [""] * (self.chance.random() < 0.3)
        return [mark + first, *(line and " " * len(mark) + line for line in rest), *end]


# What answers are read as: no HTML, and link reference definitions are text.
PARSER = MarkdownIt("commonmark", {"html": False, "maxNesting": 100}).enable(["table", "strikethrough"])
PARSER.disable("reference")


def text_of_tokens(text: str) -> str:
    shown: list[str] = []
    numbers: list[int | None] = []
    for token in PARSER.parse(text):
        if token.type.endswith("list_open"):
            numbers.append(int(token.attrs.get("start", 1)) if token.type[0] == "o" else None)
        elif token.type.endswith("list_close"):
            numbers.pop()
        elif token.type == "list_item_open" and (number := numbers[-1]) is not None:
            shown.append(f"{number}{token.markup}")
            numbers[-1] = number + 1
        elif token.type == "inline":
            shown += text_of_inline(token.children or [])
        else:
            shown.append(token.content)
    return re.sub(r"\s", "", "".join(shown))


def text_of_inline(tokens: list[Token]) -> list[str]:
    shown: list[str] = []
    urls: list[tuple[str, int]] = []
    for token in tokens:
        shown.append(token.content)
        if token.type in {"link_open", "image"}:
            url = str(token.attrs.get("href") or token.attrs.get("src"))
            urls.append((url, len(shown) - (token.type == "image")))
        if token.type in {"link_close", "image"}:
            url, start = urls.pop()
            shown.append(f"({url})" if "".join(shown[start:]) != url else "")
    return shown


def visible(text: str, seed: int) -> str:
    """Every character that is seen but for spaces, and the marks that are drawn for rules, quotes and bullets."""
    chance = random.Random(seed)
    longest, step = chance.choice([(3, 0.02), (40, 0.1), (400, 0.1)])
    size = chance.choice([(200, 10), (200, 24), (120, 40)])
    return re.sub(r"[\s│•─]", "", "".join(stream(pieces(text, longest, seed), *size, step).picture()))


@pytest.mark.parametrize("seed", range(10))
def test_generated_documents_show_the_text_of_markdown_its_tokens(seed: int) -> None:
    for number in range(seed * 20, seed * 20 + 20):
        text = Writer(number).document()
        assert visible(text, number) == text_of_tokens(text), text


def printed(text: str, width: int = 500) -> str:
    written: list[str] = []
    markdown = MarkdownStream(written.append, lambda: (width, 24), color_system=None, live=False)
    for piece in pieces(text, 30, seed=1):
        markdown.feed(piece)
    markdown.close()
    return "".join(written)


def test_the_text_of_the_examples_of_the_specification_is_complete() -> None:
    """Every letter and digit of the HTML is shown, in order; what is not HTML there may be shown in between."""
    path = Path(__file__).parent / "commonmark_examples.json"
    examples = json.loads(path.read_text("utf-8"))["examples"]
    incomplete = []
    for number, text, rendered in examples:
        shown = iter(printed(text))
        expected = re.sub(r"\W", "", html.unescape(re.sub(r"<[^>]*>", "", rendered)))
        if not all(character in shown for character in expected):
            incomplete.append(number)
    assert len(examples) == 571
    assert len(incomplete) <= 1, incomplete


def test_code_of_one_long_line_costs_no_more_for_its_end_than_for_its_start() -> None:
    half, whole = (calls_for_json(size) for size in (40_000, 80_000))
    assert whole < 2.2 * half


def calls_for_json(size: int) -> int:
    """The function calls it takes to draw a fence with so many characters of minified JSON."""
    rows = [{"id": number, "name": f"name {number}", "is": True} for number in range(size // 30)]
    text = f"```json\n{json.dumps(rows, separators=(',', ':'))[:size]}\n```\n"
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    clock = Clock()
    markdown = MarkdownStream(lambda _: None, lambda: (80, 24), clock=clock)
    sys.setprofile(count)
    try:
        for piece in pieces(text, 400, seed=1):
            markdown.feed(piece)
            clock.now += 0.01
        markdown.close()
    finally:
        sys.setprofile(None)
    return calls
