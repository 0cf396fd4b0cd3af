"""Importing a large package without the parts of it that are not used.

Many packages have subpackages whose `__init__` only re-exports names of their modules. Importing one name
from there imports them all: of the SDK, two thousand modules, of which a message needs a part. Here such an
`__init__` is not run; the module of a name is imported on first use (PEP 562). Every name stays importable,
and is the same object.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import NamedTuple

_IMPORT = re.compile(r"from \.(\w+(?:\.\w+)*) import (?:\(([^()#]+)\)|([^()#;\\\n]+))(?:\n|$)")
# Allowed between imports: comments, and a list of the same names.
_NOTHING = re.compile(r"(?:#[^\n]*|from __future__ import annotations\n|__all__ = \[[\s\w\",]*\]\n|\s)*")
_NAME = re.compile(r"\s*(\w+)(?:\s+as\s+(\w+))?\s*")


class Origin(NamedTuple):
    """The origin of a re-exported name: a module, and its name there."""

    module: str
    name: str


def import_on_demand(package: str) -> ModuleType:
    """Import a package; from subpackages that only re-export names, import a name on first use.

    If the lazy import fails, for instance after an update of the package, it is imported as usual.

    Raises:
        Exception: the normal import of the package failed.
    """
    finder = _Finder(package)
    sys.meta_path.insert(0, finder)
    try:
        return import_module(package)
    except Exception:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if _is_of(package, name)]:
            del sys.modules[name]
        return import_module(package)


def names_passed_on(source: str) -> Mapping[str, Origin] | None:
    """The names that an `__init__` re-exports; None if it does anything else."""
    found: dict[str, Origin] = {}
    at = _behind_nothing(source, 0)
    while statement := _IMPORT.match(source, at):
        module = statement[1]
        for item in (statement[2] or statement[3]).rstrip(" \n,").split(","):
            name = _NAME.fullmatch(item)
            if not name or name[1] == "import":
                return None
            found[name[2] or name[1]] = Origin(module, name[1])
        at = _behind_nothing(source, statement.end())
    # A name that is also a module's means either, depending on which is imported first.
    apart = found.keys().isdisjoint(origin.module.partition(".")[0] for origin in found.values())
    return found if found and apart and at == len(source) else None


def _behind_nothing(source: str, start: int) -> int:
    found = _NOTHING.match(source, start)
    return found.end() if found else start


def _is_of(package: str, name: str) -> bool:
    return name == package or name.startswith(package + ".")


class _Finder:
    """Finds the modules of one package, and loads lazily those that only re-export names."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module of the package: the import system calls this."""
        if not _is_of(self._package, name):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec and spec.submodule_search_locations and type(spec.loader) is SourceFileLoader:
            names = names_passed_on(spec.loader.get_source(name) or "")
            if names:
                spec.loader = _Loader(name, spec.loader.path, names)
        return spec


class _Loader(SourceFileLoader):
    """Loads a folder of names: its `__init__` is not run, but answered for."""

    def __init__(self, package: str, path: str, names: Mapping[str, Origin]) -> None:
        super().__init__(package, path)
        self._names = names

    def exec_module(self, module: ModuleType) -> None:
        """Give the module the `__getattr__` of PEP 562, and `__all__` for star imports."""
        package, names = module.__name__, self._names

        def look_up(name: str) -> object:
            if name not in names:
                raise AttributeError(f"module {package!r} has no attribute {name!r}")
            origin = names[name]
            value: object = getattr(import_module(f"{package}.{origin.module}"), origin.name)
            setattr(module, name, value)
            return value

        vars(module).update(__getattr__=look_up, __dir__=lambda: [*vars(module), *names], __all__=[*names])
