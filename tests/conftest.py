"""The fixtures: a sandbox, a home of one's own, and the official gateway in front of the sandbox."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from respan_cli.sandbox import Sandbox
from tests.support import KEY, PATIENCE

CLIENT_KEY = "client-key-of-the-official-gateway"

# A shell without job control has what it runs in the background ignore Ctrl-C, and so would what we start.
signal.signal(signal.SIGINT, signal.default_int_handler)


# What a module imports to start programs, or to play many variants: `make quick` leaves its tests out.
SLOW_TOOLS = {"Pty", "run_process", "start_process", "subprocess", "hostile"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of modules that start programs."""
    for item in items:
        if isinstance(item, pytest.Function) and SLOW_TOOLS & set(vars(item.module)):
            item.add_marker("slow")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of this test alone: its ids and its `requests` begin anew."""
    with Sandbox(any_host=True) as running:  # tests reach it through proxies, under other names
        yield running


@pytest.fixture
def env(tmp_path: Path, sandbox: Sandbox) -> dict[str, str]:
    """The environment of a user with a key and an empty home; the sandbox is the gateway."""
    return {
        "HOME": str(tmp_path),
        "RESPAN_API_KEY": KEY,
        "RESPAN_BASE_URL": sandbox.url,
        "RESPAN_MAX_RETRIES": "0",
    }


@pytest.fixture
def deprecated_model() -> str:
    """A model that the installed SDK calls deprecated: each release drops the ones that are gone."""
    from anthropic.resources.messages import DEPRECATED_MODELS

    return next(iter(DEPRECATED_MODELS))


class OfficialGateway(NamedTuple):
    """The `respan-gateway` of Respan, running in front of a sandbox."""

    url: str
    sandbox: Sandbox


@pytest.fixture(scope="session")
def official_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OfficialGateway]:
    """The official gateway as a process of its own, with a configuration of its own."""
    folder = tmp_path_factory.mktemp("gateway")
    port = _free_port()
    with Sandbox() as sandbox:
        config = folder / "gateway.toml"
        config.write_text(
            f'listen = "127.0.0.1:{port}"\nclient_keys = ["{CLIENT_KEY}"]\n\n'
            f'[providers.anthropic]\nvendor = "anthropic"\nbase_url = "{sandbox.url}"\nkey = "provider-key"\n'
            f'[providers.openai]\nvendor = "openai"\nbase_url = "{sandbox.url}"\nkey = "provider-key"\n'
        )
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen(
                [Path(sys.executable).with_name("respan-gateway"), "-c", config],
                stdout=log,
                stderr=log,
                cwd=folder,
                env={"HOME": str(folder)},
            ) as process,
        ):
            try:
                _wait_for(port, process, folder / "log")
                yield OfficialGateway(f"http://127.0.0.1:{port}", sandbox)
            finally:
                process.terminate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError(f"the official gateway did not start: {log.read_text()}")
