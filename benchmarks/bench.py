"""Measures the program beside others, in pairs, and writes docs/performance.md.

    python -m benchmarks.bench [--pairs N] [--llm PATH]

Every figure is a ratio of two commands run in turn against the same sandbox on this machine; an absolute
time would say more about the machine than about the program.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.batch import batch_rows
from benchmarks.measure import Command, pairs, ratio
from benchmarks.phases import phases

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
NOTES = HERE / "notes.md"
RESPAN = str(Path(sys.executable).with_name("respan"))
LONG = "sandbox-long-120000"
LONG_TEXT = 120_000 * len("lorem ipsum")  # bytes


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two commands, the figure they are compared by, and the ratio that was promised, if any.

    `allowance` is taken off our figure first, in its unit.
    """

    name: str
    ours: Command
    theirs: Command
    figure: str
    promise: float | None = None
    allowance: float = 0.0


def respan(*argv: str, stdin: Path = Path(os.devnull), on_terminal: bool = False) -> Command:
    """The program under test."""
    return Command([RESPAN, *argv], stdin, on_terminal)


def program(name: str, *argv: str, stdin: Path = Path(os.devnull)) -> Command:
    """One of the small programs beside this file, with the same Python and SDK."""
    return Command([sys.executable, str(HERE / "programs" / f"{name}.py"), *argv], stdin)


def comparisons(big: Path, llm: str | None, url: str) -> Iterator[Comparison]:
    """Everything that is measured, in the order of the page."""
    help_ = program("bare_typer", "--help")
    for argv in (("--help",), ("config", "path"), ("headers", "list"), ("send", "--dry-run", "hi")):
        yield Comparison(f"start-up: `respan {' '.join(argv)}`", respan(*argv), help_, "wall", 1.5)
    send = respan("send", "--no-stdin", "How are you today?")
    yield Comparison("one send, wall clock", send, program("seed"), "wall", 0.70)
    yield Comparison("one send, CPU", send, program("seed"), "cpu")
    yield Comparison("one send, peak memory", send, program("seed"), "memory", 1.05)
    if llm:
        theirs = Command([llm, "-m", "claude-sonnet-5.5", "How are you today?"])
        yield Comparison("one send, wall clock, against `llm`", send, theirs, "wall", 0.5)
    if curl := shutil.which("curl"):
        yield Comparison("one send, wall clock, against `curl`", send, _curl(curl, url), "wall")
    loop = program("loop", LONG)
    long = ("send", "--no-stdin", "-m", LONG, "hi")
    yield Comparison("120,000 deltas to a pipe, CPU", respan(*long), loop, "cpu", 1.15)
    yield Comparison("120,000 deltas with `--json`, CPU", respan(*long, "--json"), loop, "cpu", 1.25)
    yield Comparison("120,000 deltas with `--events`, CPU", respan(*long, "--events"), loop, "cpu", 1.25)
    yield Comparison(
        "120,000 deltas to a pipe, peak memory less four times the text, against one `seed`",
        respan(*long),
        program("seed"),
        "memory",
        1.05,
        allowance=4 * LONG_TEXT / 1024,
    )
    piped = ("send", "-q", "--max-tokens", "8")
    bare = program("loop", "sandbox-long-1", "-", stdin=big)
    yield Comparison("10 MB of piped input, wall clock", respan(*piped, stdin=big), bare, "wall", 1.2)
    yield Comparison("10 MB of piped input, CPU", respan(*piped, stdin=big), bare, "cpu", 1.2)
    quarter, whole = (
        respan("send", "--no-stdin", "-q", "-m", f"sandbox-long-{count}", "hi", on_terminal=True)
        for count in (50_000, 200_000)
    )
    yield Comparison("a terminal: 200,000 deltas against 50,000, CPU", whole, quarter, "cpu", 5)


def _curl(curl: str, url: str) -> Command:
    body = '{"model":"x","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}'
    argv = [curl, "-sN", f"{url}/v1/messages", "-H", "x-api-key: k", "-H", "content-type: application/json"]
    return Command([*argv, "--data", body])


@contextmanager
def sandbox() -> Iterator[str]:
    """The sandbox in a process of its own, so that its work is not ours."""
    with subprocess.Popen([RESPAN, "sandbox"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def environment(home: str, url: str) -> dict[str, str]:
    """What every measured command sees: a key, the sandbox, an empty home."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": home,
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "RESPAN_API_KEY": "k",
        "RESPAN_BASE_URL": url,
        "ANTHROPIC_API_KEY": "k",
        "ANTHROPIC_BASE_URL": url,
        "LLM_USER_PATH": home,
    }


def row(comparison: Comparison, count: int, env: Mapping[str, str]) -> str:
    """Measure one comparison; a row of the page's table."""
    costs = pairs(comparison.ours, comparison.theirs, count, env)
    median, least, most = ratio(costs, comparison.figure, comparison.allowance)
    promise = f"at most {comparison.promise:g}" if comparison.promise else ""
    line = f"| {comparison.name} | **{median:.2f}** | {least:.2f} to {most:.2f} | {promise} |"
    sys.stderr.write(line + "\n")
    return line


def versions() -> str:
    """Python and the packages that the figures depend on."""
    names = ("anthropic", "typer", "rich", "pydantic", "httpx2")
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    return f"{platform.python_implementation()} {platform.python_version()}, {packages}"


def machine() -> str:
    """What it ran on, in a line."""
    return f"{platform.system()} on {platform.machine()}, {os.cpu_count()} processors"


def main() -> None:
    """Measure everything and write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=7, help="how often each pair is run")
    parser.add_argument(
        "--llm", help="the `llm` command, with its Anthropic plugin; left out where it is not"
    )
    arguments = parser.parse_args()
    llm = arguments.llm if arguments.llm and Path(arguments.llm).exists() else None
    with tempfile.TemporaryDirectory() as home, sandbox() as url:
        big = Path(home, "big.txt")
        big.write_text("0123456789" * 1_000_000)
        env = environment(home, url)
        rows = [row(one, arguments.pairs, env) for one in comparisons(big, llm, url)]
        rows += batch_rows(Path(home), arguments.pairs, env)
        spent = phases(env)
    PAGE.write_text(
        f"# Performance\n\n{NOTES.read_text('utf-8').strip()}\n\n## Side by side\n\n"
        f"{machine()}; {versions()}; {arguments.pairs} pairs each.\n\n"
        "| what | ratio, median | least to most | promised |\n|---|---|---|---|\n"
        + "\n".join(rows)
        + f"\n\n## Where the time of one send goes\n\n{spent}\n",
        "utf-8",
    )


if __name__ == "__main__":
    main()
