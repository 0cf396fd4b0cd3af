"""What the tests of `respan check` share."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from tests.hosts import page
from tests.support import KEY, run

Json = dict[str, Any]


class Checked(NamedTuple):
    """The exit code, the object of `--json`, and the error on standard error, if there was one."""

    code: int
    shown: Json
    error: Json | None

    def verdicts(self) -> dict[str, str]:
        return {name: stage["verdict"] for name, stage in self.shown["stages"].items()}

    def facts(self, stage: str) -> Json:
        facts: Json = self.shown["stages"][stage]["facts"]
        return facts

    def warnings(self, stage: str) -> list[str]:
        warnings: list[str] = self.shown["stages"][stage]["warnings"]
        return warnings


def check(*argv: str, env: dict[str, str]) -> Checked:
    done = run("check", "--json", *argv, env=env)
    assert KEY not in done.out + done.err
    return Checked(done.code, json.loads(done.out), json.loads(done.err) if done.err else None)


def without_times(text: str) -> str:
    return re.sub(r"(?<=\t)[\d.]+(?=\t)", "MS", text)


def at(port: int, env: dict[str, str], scheme: str = "http") -> dict[str, str]:
    return {**env, "RESPAN_BASE_URL": f"{scheme}://127.0.0.1:{port}"}


def in_json(status: str, body: str, **headers: str) -> bytes:
    """A response with a JSON body."""
    return page(status, body, **{"Content_Type": "application/json", **headers})


# What a gateway answers to a request without a key, and to an empty message with one.
UNKEYED = in_json("401 Unauthorized", '{"detail": "no key"}')
EMPTY = in_json(
    "400 Bad Request",
    '{"type": "error", "error": {"type": "invalid_request_error", "message": "messages: empty"}}',
)
