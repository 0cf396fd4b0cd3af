"""A `respan` that starts at once: the real program, forked from a process that has the SDK imported.

python -m tests.forkserver FOLDER

puts a `respan` into the folder that hands its arguments, environment, working directory and streams over.
"""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import sys
from pathlib import Path

CLIENT = """\
#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    said = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
    socket.send_fds(server, [len(said).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(said)
    sys.exit(int.from_bytes(server.recv(1), "big"))
"""


def serve(folder: Path) -> None:
    """Answer calls until the process is ended."""
    from respan_cli.gateway.sdk import load_sdk

    load_sdk()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the children are not waited for
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
        listener.listen()
        write_client(folder)
        while True:
            caller, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                answer(caller)
            caller.close()


def write_client(folder: Path) -> None:
    """Put the `respan` into the folder, whole at once: its being there says that we are ready."""
    client = folder / "client"
    client.write_text(CLIENT.format(python=sys.executable, address=str(folder / "socket")))
    client.chmod(0o755)
    client.rename(folder / "respan")


def answer(caller: socket.socket) -> None:
    """Run one command line in a child of its own and tell its exit code."""
    size, streams, _, _ = socket.recv_fds(caller, 8, 3)
    argv, env, folder = json.loads(caller.makefile("rb").read(int.from_bytes(size, "big")))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        caller.close()
        become(argv, env, folder, streams)
    for stream in streams:
        os.close(stream)
    _, status = os.waitpid(child, 0)
    caller.sendall(bytes([os.waitstatus_to_exitcode(status) & 0xFF]))
    os._exit(0)


def become(argv: list[str], env: dict[str, str], folder: str, streams: list[int]) -> None:
    """Be the program that was called."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["respan", *argv]
    sys.stdin, sys.stdout, sys.stderr = (
        io.TextIOWrapper(open(number, mode))  # noqa: PTH123, SIM115  # they live as long as the process
        for number, mode in enumerate(("rb", "wb", "wb"))
    )
    from respan_cli.__main__ import run

    run()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
