"""What the shells offer after Tab, asked of the completion machinery as the shells ask it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from respan_cli.settings.fields import DEFAULT_MODEL, MODELS
from tests.support import PATIENCE, Outcome, process_env, run_process

PROFILES = """
[profiles.work]
model = "my-own-model"
headers = { X-Team = "a" }
[profiles.home]
"""
SAY_WHAT_IS_LOADED = """
import sys
from respan_cli.cli import main
code = main()
sys.stdout.flush()
print(*sorted({name.split(".")[0] for name in sys.modules}), file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / ".config" / "respan-cli"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(PROFILES)
    return tmp_path


def bash(line: str, home: Path) -> list[str]:
    """What bash is given for a line that ends at the cursor."""
    words = line.split(" ")
    env = process_env(
        home, _RESPAN_COMPLETE="complete_bash", COMP_WORDS="\n".join(words), COMP_CWORD=str(len(words) - 1)
    )
    done = run_process(env=env, command=("-c", SAY_WHAT_IS_LOADED))
    assert done.code == 0
    assert not set(done.err.split()) & {"anthropic", "httpx2", "rich"}
    return done.out.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("respan se", ["send"]),
        ("respan send --max-", ["--max-tokens", "--max-retries"]),
        ("respan send -p ", ["work", "home"]),
        ("respan send --profile w", ["work"]),
        ("respan send -m claude-sonnet", ["claude-sonnet-5-5", "claude-sonnet-5"]),
        ("respan send -m my", ["my-own-model"]),
        ("respan send --effort ", ["low", "medium", "high", "xhigh", "max"]),
        ("respan send --as ", ["json", "curl", "python"]),
        ("respan send -H ", ["anthropic-beta:", "X-Team:"]),
        ("respan send --gateway-header X-R", ["X-Respan-Route-Provider:", "X-Respan-Beta:"]),
        ("respan help e", ["exit-codes", "environment"]),
        ("respan help f", ["faults"]),
        ("respan send -f ", []),  # files, which the shell itself completes
        ("respan send -t ", []),
        ("respan send --prompt-file ", []),
    ],
)
def test_bash_is_offered(line: str, offered: list[str], home: Path) -> None:
    assert bash(line, home) == offered


def test_a_broken_profile_file_offers_nothing_and_says_nothing(home: Path) -> None:
    (home / ".config" / "respan-cli" / "config.toml").write_text("[profiles.")
    assert bash("respan send -p ", home) == []


def test_zsh_and_fish_get_a_short_line_on_each_flag(home: Path) -> None:
    env = process_env(
        home, _TYPER_COMPLETE_ARGS="respan send --extra-", _TYPER_COMPLETE_FISH_ACTION="get-args"
    )
    meaning = """Any other fields of the Messages API, such as '{"top_k": …"""
    fish = run_process(env=env | {"_RESPAN_COMPLETE": "complete_fish"})
    assert fish == Outcome(0, f"--extra-body\t{meaning}\n", "")
    zsh = run_process(env=env | {"_RESPAN_COMPLETE": "complete_zsh"})
    assert (zsh.code, zsh.err) == (0, "")
    assert zsh.out.startswith("""_arguments '*: :(("--extra-body":"Any other fields""")
    assert len(zsh.out.splitlines()) == 1


def from_shell(shell: str, script: str, home: Path) -> Outcome:
    """What a script prints that this shell runs; the programs find the shell among their parents."""
    folder = Path(sys.executable).parent
    env = process_env(home) | {"PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(
        [shell, "-c", script], env=env, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
@pytest.mark.parametrize("name", ["respan", "respan-cli"])
def test_both_names_complete_after_their_completion_is_installed(name: str, home: Path) -> None:
    installed = from_shell("bash", f"{name} --install-completion; exit $?", home)
    assert (installed.code, installed.err) == (0, "")
    script = home / ".bash_completions" / f"{name}.sh"
    shown = from_shell("bash", f"{name} --show-completion; exit $?", home)
    assert (shown.code, shown.out.strip(), shown.err) == (0, script.read_text().strip(), "")
    # Bash itself: the function that the script defines, on a line as Readline would give it.
    function = f"_{name.replace('-', '_')}_completion"
    ask = f"COMP_WORDS=({name} send -p ho); COMP_CWORD=3; {function} {name}; echo ${{COMPREPLY[@]}}"
    assert from_shell("bash", f"source {script}; {ask}", home) == Outcome(0, "home\n", "")


def test_a_shell_without_completion_is_told_which_have_it(home: Path) -> None:
    done = from_shell("sh", "respan --install-completion; exit $?", home)
    assert (done.code, done.out) == (2, "")
    assert re.fullmatch(
        "error: there is no completion for (sh|dash|ash)\n"
        "  next: run it from the shell that is to complete: bash, zsh, fish, powershell, pwsh\n",
        done.err,
    )


def test_the_models_are_current_ones_of_the_installed_sdk() -> None:
    from anthropic.resources.messages import DEPRECATED_MODELS
    from anthropic.types import Model

    known = set(get_args(get_args(Model)[0]))
    assert set(MODELS) <= known - DEPRECATED_MODELS.keys()
    assert DEFAULT_MODEL in MODELS
