"""Importing the SDK lazily gives the same names and objects as importing all of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from respan_cli.gateway.lazy_import import names_passed_on
from tests.support import Outcome, process_env, run_process

ON_DEMAND = "from respan_cli.gateway.lazy_import import import_on_demand as load\n"
AS_IT_IS = "from importlib import import_module as load\n"
# Every name of every public folder that the SDK has, and what is found under it. Not the modules, which are
# there once they are imported, nor what `from __future__` leaves behind.
SAY_ALL = """
from importlib import import_module
from pathlib import Path
from types import ModuleType
root = Path(load("anthropic").__file__).parent
for init in sorted(root.rglob("__init__.py")):
    folder = ".".join(["anthropic", *init.parent.relative_to(root).parts])
    if "._" not in folder:
        module = import_module(folder)
        for name in sorted({*dir(module)}):
            found = getattr(module, name)
            if name[0] != "_" and name != "annotations" and not isinstance(found, ModuleType):
                print(folder, name, getattr(found, "__module__", ""), getattr(found, "__qualname__", ""))
"""
COUNT = """
import sys
load("anthropic").Anthropic(api_key="k").messages
print(sum(name.startswith("anthropic.") for name in sys.modules))
"""


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("from .a import B\n", {"B": ("a", "B")}),
        ("from .a.b import C as D", {"D": ("a.b", "C")}),
        (
            "# Made.\nfrom __future__ import annotations\n\nfrom .a import B, C\n",
            {"B": ("a", "B"), "C": ("a", "C")},
        ),
        ("from .a import (\n    B,\n    C as D,\n)\n", {"B": ("a", "B"), "D": ("a", "C")}),
        ('from .a import B\n\n__all__ = [\n    "B",\n]\n', {"B": ("a", "B")}),
        ("from .a import B\nfrom .b import B\n", {"B": ("b", "B")}),
    ],
)
def test_a_folder_of_names_is_known_by_its_text(source: str, names: Mapping[str, tuple[str, str]]) -> None:
    assert names_passed_on(source) == names


@pytest.mark.parametrize(
    "source",
    [
        "",
        "import sys\n",
        "from .a import B\nprint(B)\n",
        "from .a import *\n",
        "from ..a import B\n",
        "from . import a\n",
        "from .a import B; B.c = 1\n",
        "if True:\n    from .a import B\n",
        "from .a import (B,  # one\n    C)\n",
        "from .a import a\n",
        "from .a import b\nfrom .b import C\n",
        '"""A docstring."""\nfrom .a import B\n',
        "from .a import B\n__all__ = [*B.names]\n",
    ],
)
def test_what_does_anything_else_is_run_as_it_is(source: str) -> None:
    assert names_passed_on(source) is None


def test_every_name_of_the_sdk_leads_to_the_same_object(tmp_path: Path) -> None:
    env = process_env(tmp_path)
    done = run_process(env=env, command=("-c", ON_DEMAND + SAY_ALL))
    assert (done.code, done.err) == (0, "")
    assert len(done.out.splitlines()) > 1000
    assert done == run_process(env=env, command=("-c", AS_IT_IS + SAY_ALL))


def test_a_good_part_of_the_sdk_is_not_imported(tmp_path: Path) -> None:
    env = process_env(tmp_path)
    ours, all_ = (int(run_process(env=env, command=("-c", way + COUNT)).out) for way in (ON_DEMAND, AS_IT_IS))
    assert ours < 0.8 * all_


def made_up(folder: Path, **texts: str) -> dict[str, str]:
    """The environment in which a package of this name and these modules can be imported."""
    (folder / "made_up" / "names").mkdir(parents=True)
    for name, text in texts.items():
        (folder / "made_up" / name.replace("__", "/")).with_suffix(".py").write_text(text)
    (folder / "made_up" / "names" / "__init__.py").write_text("from .one import One\nfrom .two import Two\n")
    (folder / "made_up" / "names" / "one.py").write_text("class One: ...\n")
    (folder / "made_up" / "names" / "two.py").write_text("class Two: ...\nprint('two is loaded')\n")
    return {**process_env(folder), "PYTHONPATH": str(folder)}


def imported(init: str, then: str, folder: Path) -> Outcome:
    """Import a made-up package whose `__init__` this is, and do something then."""
    env = made_up(folder)
    (folder / "made_up" / "__init__.py").write_text(init)
    return run_process(env=env, command=("-c", f"{ON_DEMAND}p = load('made_up')\n{then}"))


@pytest.mark.parametrize(
    ("then", "out"),
    [
        ("print(p.names.One)", "<class 'made_up.names.one.One'>\n"),
        ("p.names.Two", "two is loaded\n"),
        ("from made_up.names import *; print(One.__name__, Two.__name__)", "two is loaded\nOne Two\n"),
        ("from made_up.names import two; print(two.Two is p.names.Two)", "two is loaded\nTrue\n"),
        ("print(hasattr(p.names, 'Three'), {'One', 'Two'} <= {*dir(p.names)})", "False True\n"),
    ],
)
def test_a_name_is_imported_when_it_is_asked_for(then: str, out: str, tmp_path: Path) -> None:
    assert imported("from . import names\n", then, tmp_path) == Outcome(0, out, "")


def test_a_package_that_needs_all_of_itself_is_imported_as_it_is(tmp_path: Path) -> None:
    needy = "import sys\nfrom . import names\nsys.modules['made_up.names.two']\n"
    assert imported(needy, "print(p.names.One.__name__)", tmp_path) == Outcome(0, "two is loaded\nOne\n", "")


def test_a_package_that_cannot_be_imported_says_why(tmp_path: Path) -> None:
    done = imported("raise RuntimeError('no')\n", "", tmp_path)
    assert (done.code, done.out, done.err.splitlines()[-1]) == (1, "", "RuntimeError: no")
