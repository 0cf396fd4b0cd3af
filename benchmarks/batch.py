"""`respan batch` beside what people write or type instead, against a sandbox with the latency of a model.

    python -m benchmarks.batch [--pairs N]

prints the rows that `benchmarks.bench` puts on the page.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import Command, pairs, ratio

RESPAN = str(Path(sys.executable).with_name("respan"))
PROGRAMS = Path(__file__).parent / "programs"
ROWS, FEW, MANY = 2000, 1000, 1_000_000
MODEL = "sandbox-long-50"  # an answer of 50 deltas
LATENCY_MS = 200
ALLOWED = 6  # requests at once, of the gateway that the limiter learns from


@contextmanager
def slow_sandbox(*flags: str) -> Iterator[str]:
    """A sandbox with the latency of a model, in a process of its own; its URL."""
    argv = [RESPAN, "sandbox", "--latency", str(LATENCY_MS), *flags]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def write_rows(path: Path, count: int) -> str:
    """A file of so many prompts."""
    with path.open("w") as file:
        for number in range(count):
            file.write(f'{{"id": "{number}", "prompt": "Say something about {number}."}}\n')
    return str(path)


def batch_rows(folder: Path, count: int, env: Mapping[str, str]) -> Iterator[str]:
    """Every comparison, as rows of the page's table.

    Args:
        folder: for the inputs.
        count: how many pairs.
        env: the environment of the commands, but for the URL.
    """
    with slow_sandbox() as url:
        yield from _beside_others(folder, count, {**env, "RESPAN_BASE_URL": url})
        yield _memory(folder, max(1, count // 3), {**env, "RESPAN_BASE_URL": url})
    with slow_sandbox("--max-concurrent", str(ALLOWED)) as url:
        yield _limiter(folder, {**env, "RESPAN_BASE_URL": url})


def _batch(rows: str, *flags: str) -> Command:
    return Command([RESPAN, "batch", rows, "-m", MODEL, "-j", "64", "-o", os.devnull, *flags])


def _beside_others(folder: Path, count: int, env: Mapping[str, str]) -> Iterator[str]:
    rows = write_rows(folder / "rows.jsonl", ROWS)
    program = [sys.executable, str(PROGRAMS / "gather.py"), rows, os.devnull, MODEL]
    costs = pairs(_batch(rows), Command(program), count, env)
    name = f"batch of {ROWS:,} rows, 64 at once, against `AsyncAnthropic`"
    yield _row(f"{name}: wall clock", ratio(costs, "wall"), "at most 0.8")
    yield _row(f"{name}: CPU", ratio(costs, "cpu"), "at most 0.7")
    hundred = str(folder / "hundred.jsonl")
    write_rows(Path(hundred), 100)
    xargs = f"seq 100 | xargs -P 8 -I% {RESPAN} send --no-stdin -m {MODEL} 'Say something about %.'"
    costs = pairs(_batch(hundred), Command(["sh", "-c", xargs]), max(1, count // 3), env)
    yield _row("batch of 100 rows, against `xargs -P 8 respan send`: wall clock", ratio(costs, "wall"), "")


def _memory(folder: Path, count: int, env: Mapping[str, str]) -> str:
    """A million rows read and a thousandth of them sent, against a thousand rows."""
    few, many = write_rows(folder / "few.jsonl", FEW), write_rows(folder / "many.jsonl", MANY)
    costs = pairs(_batch(many, "--shard", f"0/{MANY // FEW}"), _batch(few), count, env)
    return _row(f"batch, peak memory: {MANY:,} rows against {FEW:,}", ratio(costs, "memory"), "at most 1.2")


def _limiter(folder: Path, env: Mapping[str, str]) -> str:
    """The share of requests that a gateway refuses which takes a few at once."""
    rows = write_rows(folder / "limited.jsonl", 500)
    argv = [*_batch(rows).argv, "--json"]
    done = subprocess.run(argv, env=dict(env), stderr=subprocess.PIPE, check=True)
    summary = json.loads(done.stderr.splitlines()[-1])
    share = summary["retries"] / (summary["retries"] + summary["done"])
    at_once = summary["rows_per_second"] * LATENCY_MS / 1000
    name = f"batch of 500 rows where {ALLOWED} at once are allowed: share of refused requests"
    return _row(name, (share, share, share), f"at most 0.1; {at_once:.1f} at once on average")


def _row(name: str, figures: tuple[float, float, float], promise: str) -> str:
    median, least, most = figures
    line = f"| {name} | **{median:.2f}** | {least:.2f} to {most:.2f} | {promise} |"
    sys.stderr.write(line + "\n")
    return line


def main() -> None:
    """Measure, and print the rows."""
    from benchmarks.bench import environment

    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=3, help="how often each pair is run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        for _ in batch_rows(Path(home), arguments.pairs, environment(home, "")):
            pass


if __name__ == "__main__":
    main()
