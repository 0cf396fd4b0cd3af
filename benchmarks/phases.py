"""Where the time of one send goes, from exec to exit, in percent."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping

RUNS = 7

# Runs the program and says on standard error when it reached each mark. The marks are functions of the
# program, wrapped from outside: nothing in it knows of this.
MARKED = """
import sys, time
marks = [("interpreter", time.time())]
def mark(name): marks.append((name, time.time()))
import respan_cli.cli
mark("program and Typer")
from respan_cli.gateway import client, sdk
def wrap(owner, name, before, after):
    original = getattr(owner, name)
    def call(*args, **options):
        mark(before)
        try: return original(*args, **options)
        finally: mark(after)
    setattr(owner, name, call)
wrap(sdk, "_import_once", "arguments, settings and prompt", "SDK")
wrap(client.GatewayClient, "_open", "HTTP client", "request to first byte")
code = respan_cli.cli.main()
mark("answer and output")
sys.stderr.write("".join(f"{name}\\t{moment!r}\\n" for name, moment in marks))
sys.stderr.flush()
import os
os._exit(code)
"""


def one_run(env: Mapping[str, str]) -> dict[str, float]:
    """Seconds between the marks of one send, by the name of the mark they end at."""
    start = time.time()
    argv = [sys.executable, "-c", MARKED, "send", "--no-stdin", "How are you today?"]
    process = subprocess.Popen(
        argv, env=dict(env), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    _, marks = process.communicate()
    end = time.time()
    spent: dict[str, float] = {}
    before = start
    for line in marks.splitlines():
        name, moment = line.split("\t")
        spent[name] = spent.get(name, 0.0) + float(moment) - before
        before = float(moment)
    spent["exit"] = end - before
    return spent


def phases(env: Mapping[str, str]) -> str:
    """A table of the phases, each the median of its share over several runs."""
    runs = [one_run(env) for _ in range(RUNS)]
    names = list(runs[0])
    shares = {name: statistics.median(run[name] / sum(run.values()) for run in runs) for name in names}
    rows = [f"| {name} | {100 * share:.1f} % |" for name, share in shares.items()]
    return "| phase | share |\n|---|---|\n" + "\n".join(rows)


__all__ = ["phases"]
assert os.name == "posix", "the benchmark reads the accounting of POSIX"
