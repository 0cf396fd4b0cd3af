"""The architecture: imports go one way, and the SDK is not loaded before a message is sent."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import respan_cli
from tests.support import KEY, process_env, run_process

PACKAGE = Path(respan_cli.__file__).parent

# A package imports only from those before it, or from itself.
ORDER: list[set[str]] = [
    {"errors"},
    {"sandbox"},
    {"terminal"},
    {"settings"},
    {"messages"},
    {"gateway"},
    {"output"},
    {"exchange"},
    {"batch"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}
SHARED = "shared"  # every command may import this one; they do not import each other


def imports_of(path: Path) -> set[str]:
    """The modules of ours that a file imports anywhere, without `respan_cli.` in front."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "respan_cli":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    ours = {name.removeprefix("respan_cli.") for name in found if name.startswith("respan_cli.")}
    return ours | {name for name in found if name in LEVEL}


def room_of(path: Path) -> str:
    """The package of a file, or its own name if it is in none."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(PACKAGE)) for path in FILES])
def test_imports_go_one_way(path: Path) -> None:
    room = room_of(path)
    assert room in LEVEL, f"{room} has no floor yet"
    for imported in imports_of(path):
        other = imported.split(".")[0]
        assert other == room or LEVEL[other] < LEVEL[room], f"{room} imports {imported}"


def test_no_command_knows_another() -> None:
    folder = PACKAGE / "commands"
    for path in folder.rglob("*.py"):
        others = {name.split(".")[1] for name in imports_of(path) if name.startswith("commands.")}
        command = path.relative_to(folder).parts[0].removesuffix(".py")
        assert command == SHARED or others <= {SHARED, command}, path.name


def test_only_the_gateway_names_the_sdk_and_only_the_terminal_the_streams() -> None:
    for path in FILES:
        text = path.read_text("utf-8")
        names = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(text))
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for name in (
                [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            )
        }
        assert not names & {"anthropic", "httpx2", "httpcore2"} or room_of(path) == "gateway", path
        assert "sys.stdout" not in text or room_of(path) == "terminal", path
        assert "os.environ" not in text or room_of(path) in ("terminal", "gateway", "output"), path


def test_no_two_classes_have_one_name() -> None:
    places: dict[str, list[str]] = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(str(path.relative_to(PACKAGE)))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


SAY_WHAT_IS_LOADED = """
import sys
from respan_cli.cli import main
code = main()
print(*sorted({name.split(".")[0] for name in sys.modules}), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(
    "argv",
    [
        ("--help",),
        ("--version",),
        ("send", "--help"),
        ("sandbox", "--help"),
        ("batch", "--help"),
        ("batch", "pyproject.toml", "--format", "lines", "--limit", "1", "--dry-run"),
        ("check", "--help"),
        ("check", "--no-send", "--profile", "nobody"),
        ("send", "--dry-run", "hi", "--no-stdin"),
        ("send", "--as", "curl", "hi", "--no-stdin"),
        ("send", "--as", "python", "hi", "--no-stdin"),
        ("send", "--no-stdin"),
        ("config", "--help"),
        ("logs", "--help"),
        ("logs", "--filter", "cots>1"),
        ("models", "--help"),
        ("headers", "--help"),
        ("config", "init"),
    ],
    ids=" ".join,
)
def test_nothing_but_a_message_loads_the_sdk(argv: tuple[str, ...], tmp_path: Path) -> None:
    env = process_env(tmp_path, RESPAN_API_KEY=KEY)
    done = run_process(*argv, env=env, command=("-c", SAY_WHAT_IS_LOADED))
    assert done.code in (0, 2, 3)
    loaded = set(done.err.splitlines()[-1].split())
    assert "respan_cli" in loaded
    assert not loaded & {"anthropic", "httpx2", "httpcore2", "opentelemetry"}


def test_the_help_says_what_each_command_is_for(tmp_path: Path) -> None:
    done = run_process("--help", env=process_env(tmp_path, COLUMNS="100"))
    assert (done.code, done.err) == (0, "")
    for command in ("send", "check", "sandbox", "config", "headers"):
        assert command in done.out


def test_all_three_names_are_the_same_program(tmp_path: Path) -> None:
    env = process_env(tmp_path)
    folder = Path(sys.executable).parent
    shown = {run_process("--version", env=env)}
    for name in ("respan", "respan-cli"):
        shown.add(run_process("--version", env=env, command=(str(folder / name),)))
    assert {(done.code, done.out, done.err) for done in shown} == {
        (0, f"respan-cli {respan_cli.__version__}\n", "")
    }
