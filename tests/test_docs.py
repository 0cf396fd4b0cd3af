"""README.md and docs/guide.md: every `console` block is run as it stands, and shows what really comes out.

A line that begins with "$ " is a command ("> " goes on with it), the others are its output, both streams as
a terminal shows them; "..." stands for anything. A command without output beneath it is only run.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from docs import picture
from respan_cli.cli import app
from respan_cli.sandbox import Sandbox
from tests.support import KEY, PATIENCE, ROOT, process_env
from tests.test_send import EXTRA_HEADERS, NESTED_METADATA, QUICKSTART

PAGES = ("README.md", "docs/guide.md")
COMMANDS = set(getattr(typer.main.get_command(app), "commands", {}))
MARK = "RESPAN-DOCS-MARK"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
REVIEW = re.compile(r"(?s)\$ cat review\.md\n(\+\+\+\n.*?</code>\n)")
JOB = rb"""#!/bin/sh
exec respan batch prompts.jsonl --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" \
    -o "answers-$SLURM_ARRAY_TASK_ID.jsonl" --progress plain
"""
CHAT = b"""import json, subprocess
with subprocess.Popen(["respan", "batch", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                      stderr=subprocess.DEVNULL, text=True) as respan:
    for number, prompt in enumerate(["Hello", "And again"]):
        print(json.dumps({"id": number, "prompt": prompt}), file=respan.stdin, flush=True)
        print(json.loads(respan.stdout.readline())["text"])
"""
TRANSLATE = b"""+++
max_tokens = 200
stop = "END"
+++
Translate into {lang}, for a {{tag}}: {text}
"""
SUMMARIZE = re.compile(r"(?s)\$ cat summarize\.sh\n(.*?\nesac\n)")


class Step(NamedTuple):
    """A command of a page, and the output that the page shows for it."""

    command: str
    shown: str


class Block(NamedTuple):
    """One `console` block."""

    where: str
    steps: list[Step]


def blocks() -> Iterator[Block]:
    for page in PAGES:
        text = (ROOT / page).read_text("utf-8")
        for found in re.finditer(r"(?ms)^```console\n(.*?)^```$", text):
            line = text[: found.start()].count("\n") + 1
            yield Block(f"{page}:{line}", list(steps(found[1])))


def steps(block: str) -> Iterator[Step]:
    for part in re.split(r"(?m)^\$ ", block)[1:]:
        lines = part.splitlines(keepends=True)
        count = 1
        while count < len(lines) and lines[count].startswith("> "):
            count += 1
        command = "".join(line.removeprefix("> ") for line in lines[:count])
        yield Step(command, "".join(lines[count:]))


BLOCKS = list(blocks())


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with what the examples speak of."""
    guide = (ROOT / "docs/guide.md").read_text("utf-8")
    summarize, review = SUMMARIZE.search(guide), REVIEW.search(guide)
    assert summarize
    assert review
    files: dict[str, bytes] = {
        "photo.png": b64decode(PNG),
        "report.pdf": b"%PDF-1.4\n%%EOF\n",
        "old.txt": b"Version one.\n",
        "new.txt": b"Version two.\n",
        "book.txt": b"It was a dark and stormy night.\n",
        "history.json": b'[{"role": "user", "content": "Name a prime."}, '
        b'{"role": "assistant", "content": "Seven."}]\n',
        "schema.json": b'{"type": "object", "properties": {"city": {"type": "string"}}, '
        b'"required": ["city"]}\n',
        "old.py": b'print("old")',
        "review.md": review[1].encode(),
        "summarize.sh": summarize[1].encode(),
        "rows.csv": b"id,text,lang,user\n1,Good morning,French,alice\n2,Good night,German,bob\n"
        b"3,Thank you,French,alice\n",
        "prompts.jsonl": b"".join(b'{"id": %d, "prompt": "Number %d"}\n' % (n, n) for n in range(6)),
        "translate.md": TRANSLATE,
        "job.sh": JOB,
        "chat.py": CHAT,
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    if git := shutil.which("git"):
        subprocess.run([git, "init", "--quiet"], cwd=tmp_path, check=True, timeout=PATIENCE)
    return tmp_path


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a `respan` that starts at once: a process forked from one that has the SDK loaded."""
    folder = tmp_path_factory.mktemp("programs")
    with subprocess.Popen([sys.executable, "-m", "tests.forkserver", folder], cwd=ROOT) as server:
        while not (folder / "respan").exists() and server.poll() is None:
            time.sleep(0.02)
        yield folder
        server.terminate()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox whose log is never late: a reader takes longer than a test from one line to the next."""
    with Sandbox(log_delay=0) as running:
        yield running


def play(block: Block, desk: Path, programs: Path, sandbox: Sandbox) -> list[tuple[int, str]]:
    """Run the commands in one shell, as a reader would; the exit code and the output of each."""
    env = process_env(desk, RESPAN_API_KEY=KEY, RESPAN_BASE_URL=sandbox.url)
    env["PATH"] = f"{programs}:{Path(sys.executable).parent}:{env['PATH']}"
    script = "exec 2>&1\n" + "".join(
        f"{step.command}code=$?; echo {MARK} $code; (exit $code)\n" for step in block.steps
    )
    done = subprocess.run(
        ["bash", "-c", script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=desk,
        env=env,
        timeout=2 * PATIENCE,
        check=False,
    )
    parts = re.split(rf"{MARK} (\d+)\n", done.stdout.decode())
    return [(int(code), output) for output, code in zip(parts[::2], parts[1::2], strict=False)]


def missing(block: Block) -> set[str]:
    """The commands of `respan` that a block uses and this program does not have."""
    used = {word for step in block.steps for word in re.findall(r"\brespan ([a-z]+)\b", step.command)}
    return used - COMMANDS


def matches(shown: str, output: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in shown.split("..."))
    return re.fullmatch(pattern, output, re.DOTALL) is not None


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
@pytest.mark.parametrize("block", BLOCKS, ids=[block.where for block in BLOCKS])
def test_an_example_does_what_the_page_shows(
    block: Block, desk: Path, programs: Path, sandbox: Sandbox
) -> None:
    if absent := missing(block):
        pytest.skip(f"not built yet: respan {', '.join(absent)}")
    results = play(block, desk, programs, sandbox)
    assert len(results) == len(block.steps)
    for step, (code, output) in zip(block.steps, results, strict=True):
        fails = "error:" in step.shown or "2> error" in step.command
        assert code == 0 or fails, f"{step.command}\n{output}"
        assert not step.shown or matches(step.shown, output), f"{step.command}\n{output}"


def documented_programs() -> list[list[str]]:
    """The arguments of the guide's multi-line sends, which are the programs of the documentation."""
    guide = [block for block in BLOCKS if block.where.startswith("docs/guide.md:")]
    commands = [step.command.replace("\\\n", " ") for block in guide for step in block.steps]
    return [shlex.split(command) for command in commands if "Yoda" in command]


@pytest.mark.parametrize(
    ("words", "body"),
    list(zip(documented_programs(), (QUICKSTART, EXTRA_HEADERS, NESTED_METADATA), strict=True)),
    ids=["quickstart", "extra headers", "nested metadata"],
)
def test_the_guide_shows_each_program_of_the_documentation_as_one_command_line(
    words: list[str], body: dict[str, Any], env: dict[str, str], sandbox: Sandbox
) -> None:
    from tests.support import run

    assert run(*words[1:], env=env).code == 0
    assert sandbox.requests[-1]["body"] == {**body, "stream": True}


def test_every_link_within_the_pages_leads_somewhere() -> None:
    for page in PAGES:
        text = (ROOT / page).read_text("utf-8")
        for path, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", text):
            target = (ROOT / page).parent / path if path else ROOT / page
            assert target.exists(), f"{page} -> {path}"
            if anchor:
                headings = re.findall(r"(?m)^#+ (.*)$", target.read_text("utf-8"))
                slugs = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
                assert anchor in slugs, f"{page} -> {path}#{anchor}"


def test_the_picture_is_that_of_the_program(tmp_path: Path) -> None:
    assert picture.PICTURE.read_text("utf-8") == picture.draw(), "run 'make docs'"
