"""The parts of `respan batch` that touch nothing: limiter, rows, templates, digests, shards."""

from __future__ import annotations

import random

import pytest

from respan_cli.batch.choices import RowFormat, Selection
from respan_cli.batch.digests import DigestMap, DigestSet
from respan_cli.batch.limiter import FIRST_LIMIT, MAX_REFUSALS_ALONE, Limiter
from respan_cli.batch.output import InputOrder
from respan_cli.batch.progress import rendered
from respan_cli.batch.report import Tally, duration
from respan_cli.batch.rows import RowReader, format_of
from respan_cli.errors import UsageError
from respan_cli.messages.template import parse_template


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def simulate(allowed: int, most: int, rows: int) -> tuple[Limiter, int, float]:
    """A gateway that answers in one second, so many at once, and refuses the rest immediately.

    Returns the limiter, how many requests were refused, and how many were under way on average in the
    second half of the run.
    """
    clock = Clock()
    limiter = Limiter(most, clock, jitter=lambda seconds: seconds)
    ends: list[tuple[float, float]] = []  # end and beginning of the requests that are being answered
    answered = refused = 0
    areas: list[tuple[float, int]] = []
    while answered < rows:
        while limiter.wait(len(ends)) == 0:
            if len(ends) < allowed:
                ends.append((clock() + 1 + random.Random(answered + len(ends)).random() / 5, clock()))
            else:
                refused += 1
                limiter.wait(len(ends) + 1)
                limiter.refused(clock())
        if ends:
            ends.sort()
            end, _ = ends.pop(0)
            areas.append((max(0.0, end - clock()), len(ends) + 1))
            clock.time = max(clock(), end)
            answered += 1
            limiter.succeeded()
        else:
            clock.time += limiter.wait(0) or 0.01
    late = areas[len(areas) // 2 :]
    return limiter, refused, sum(time * count for time, count in late) / sum(time for time, _ in late)


def test_the_limit_doubles_every_round_until_the_most_that_is_allowed() -> None:
    limiter = Limiter(32, Clock())
    seen = [limiter.limit]
    while limiter.limit < 32:
        size = limiter.limit
        assert limiter.wait(size) is None
        for _ in range(size):
            limiter.succeeded()
        seen.append(limiter.limit)
    assert seen == [FIRST_LIMIT, 8, 16, 32]
    limiter.wait(32)
    limiter.succeeded()
    assert limiter.limit == 32


def test_a_limit_that_is_never_reached_does_not_grow() -> None:
    limiter = Limiter(32, Clock())
    for _ in range(100):
        assert limiter.wait(1) == 0
        limiter.succeeded()
    assert limiter.limit == FIRST_LIMIT


def test_a_refusal_halves_the_limit_and_those_that_began_before_it_do_not_count_again() -> None:
    clock = Clock()
    limiter = Limiter(4, clock)
    clock.time = 1.0
    limiter.refused(0.5)
    limiter.refused(0.6)
    assert limiter.limit == 2
    limiter.refused(1.5)
    assert limiter.limit == 1


def test_a_retry_after_pauses_everything() -> None:
    clock = Clock()
    limiter = Limiter(4, clock)
    limiter.refused(0.0, retry_after=7.0)
    assert limiter.wait(0) == 7.0
    clock.time = 6.0
    assert limiter.wait(0) == 1.0
    clock.time = 8.0
    assert limiter.wait(0) == 0.0


def test_refusals_without_a_success_or_a_wait_pause_longer_and_longer_and_are_given_up() -> None:
    clock = Clock()
    limiter = Limiter(1, clock, jitter=lambda seconds: seconds)
    pauses = []
    while not limiter.is_hopeless:
        clock.time += limiter.wait(0) or 0.0
        limiter.refused(clock())
        pauses.append(limiter.wait(0))
    assert pauses == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0]
    assert len(pauses) == MAX_REFUSALS_ALONE


def test_against_a_gateway_that_takes_six_it_settles_near_six_and_few_are_refused() -> None:
    _, refused, average = simulate(allowed=6, most=64, rows=500)
    assert refused < 50
    assert 5 < average <= 6


@pytest.mark.parametrize("allowed", [1, 2, 3, 10, 40])
def test_it_settles_near_what_any_gateway_takes(allowed: int) -> None:
    _, refused, average = simulate(allowed, most=64, rows=600)
    assert refused < 60 or allowed == 1
    assert allowed / 2 <= average <= allowed


def test_digests_are_found_again_and_a_set_says_which_are_new() -> None:
    random.seed(7)
    digests = [random.randbytes(32) for _ in range(5000)]
    numbers, seen = DigestMap("Q"), DigestSet()
    for number, digest in enumerate(digests):
        assert seen.add(digest)
        numbers.set(digest, number)
    assert [numbers.get(digest) for digest in digests] == list(range(5000))
    assert not any(seen.add(digest) for digest in digests)
    assert numbers.get(random.randbytes(32)) is None
    assert len(numbers) == 5000


def test_shards_partition_any_input() -> None:
    random.seed(13)
    reader = RowReader("rows", RowFormat.LINES)
    for shards in (1, 2, 3, 7, 64):
        lines = [random.randbytes(6).hex().encode() + b"\n" for _ in range(300)]
        rows = [reader.parse(raw) for raw in reader.find(lines)]
        counts = [sum(Selection(shard, shards).has(row.digest) for shard in range(shards)) for row in rows]
        assert counts == [1] * len(rows)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Translate {text} into {lang}", "Translate Hi into 7"),
        ("{{text}} {text}", "{text} Hi"),
        ("no column", "no column"),
        ("{First name}, {a.b}", "Ada, {text}"),
    ],
)
def test_a_template_is_filled_from_columns(text: str, filled: str) -> None:
    columns = {"text": "Hi", "lang": "7", "First name": "Ada", "a.b": "{text}"}
    assert parse_template(text, "--prompt").fill(columns) == filled


def test_the_suffix_names_the_format() -> None:
    names = ("a.jsonl", "a.ndjson", "a.CSV", "a.tsv", "a.txt", "standard input")
    assert [format_of(name).value for name in names] == ["jsonl", "jsonl", "csv", "tsv", "lines", "jsonl"]


def test_a_table_may_have_a_bom_crlf_quotes_and_lines_within_cells() -> None:
    reader = RowReader("rows.csv", RowFormat.CSV)
    lines = [b"\xef\xbb\xbfid,prompt\r\n", b'1,"two\r\n', b'lines, one ""cell"""\r\n', b"\r\n", b"2,x\r\n"]
    rows = [reader.parse(raw) for raw in reader.find(lines)]
    assert [(row.line, row.id, row.values["prompt"]) for row in rows] == [
        (2, "1", 'two\r\nlines, one "cell"'),
        (5, "2", "x"),
    ]


@pytest.mark.parametrize(
    ("row_format", "lines", "message"),
    [
        ("jsonl", [b'{"prompt": "x"}\n', b"{prompt}\n"], "rows, line 2: not JSON"),
        ("jsonl", [b"[1]\n"], "rows, line 1: not a JSON object"),
        ("jsonl", [b"\n", b'{"id": 1.5}\n'], "rows, line 2: the id is neither text nor a whole number"),
        ("jsonl", [b'{"id": ""}\n'], "rows, line 1: the id is neither text nor a whole number"),
        ("jsonl", [b"{\x00}\n"], "rows, line 1: has a NUL byte"),
        ("lines", [b"fine\n", b"caf\xe9\n"], "rows, line 2: not UTF-8 at byte 4 of the line"),
        ("lines", [b"\xff\xfeh\x00i\x00\n\x00"], "rows, line 1: this is UTF-16"),
        ("csv", [b"a,b\n", b"1,2,3\n"], "rows, line 2: 3 cells where the header has 2"),
        ("csv", [b"a,a\n"], "rows, line 1: two columns are called 'a'"),
        ("csv", [b"a,\n"], "rows, line 1: a column has no name"),
        ("csv", [b"a,b\n", b'1,"open\n'], "rows, line 2: not CSV"),
        ("tsv", [b"a\tb\n", b"caf\xe9\t1\n"], "rows, line 2: not UTF-8 at byte 4 of the line"),
    ],
)
def test_what_is_wrong_with_a_row_names_its_line(row_format: str, lines: list[bytes], message: str) -> None:
    reader = RowReader("rows", RowFormat(row_format))
    with pytest.raises(UsageError) as caught:
        list(map(reader.parse, reader.find(lines)))
    assert caught.value.message == message


def test_lines_in_the_order_of_the_input_wait_for_those_before_them() -> None:
    written: list[str] = []
    order = InputOrder(written.append)
    order.finish(2, "c")
    order.finish(1, None)
    assert written == []
    order.finish(0, "a")
    assert written == ["a", "c"]
    order.finish(5, "f")
    order.finish(4, "e")
    order.close()
    assert written == ["a", "c", "e", "f"]


@pytest.mark.parametrize("width", [20, 40, 80, 120])
def test_the_bar_has_room_in_any_window(width: int) -> None:
    tally = Tally(total=12_345, done=6_000, failed=7, output_tokens=1_234_567)
    line = rendered(tally, 32, width, color=False)
    assert "\n" not in line
    assert len(line) <= width
    assert "6,007/12,345" in line


def test_durations_read_as_people_write_them() -> None:
    assert [duration(seconds) for seconds in (8.25, 247, 7447)] == ["8.2 s", "4:07", "2:04:07"]
