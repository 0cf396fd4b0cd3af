"""The sandbox on a socket: HTTP/1.1 with keep-alive, a thread for each connection, loopback only."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self

from respan_cli.errors import UsageError
from respan_cli.sandbox.app import SandboxApp, SandboxBehavior
from respan_cli.sandbox.connection import Connection, Observer

MAX_CONNECTIONS = 1024
BACKLOG = 128  # connections that wait to be accepted
# Python cannot be interrupted inside accept() on Windows, so it looks up twice a second.
ACCEPT_TIMEOUT_S = 0.5
# After a failure that lasts, such as too many open files.
ACCEPT_PAUSE_S = 0.1
JOIN_TIMEOUT_S = 1.0
# With 200 to 256 MiB, starting a thread beside the SDK was seen to hang inside the C library.
MIN_ADDRESS_SPACE_BYTES = 384 * 1024 * 1024


class Sandbox:
    """A gateway that speaks Respan's Anthropic endpoint and log API on 127.0.0.1.

        with Sandbox() as sandbox:
            client = Anthropic(base_url=sandbox.url, api_key="any")

    `key`: the only key it accepts; None accepts any. `log_delay`: how many look-ups miss a request's log
    before one finds it, since Respan's logs come late as well. `keep_requests`: without it neither requests
    nor the content of logs are kept. `latency_ms`: before the first byte of each message. `max_concurrent`:
    how many messages are answered at once; more are refused with 429, and a Retry-After of `retry_after`
    seconds if that is given. `any_host`: answer under names of other machines too, for tests with a proxy;
    a web page could then read what is kept. `on_served`: called for each request, by many threads.

    `requests`: what it received, oldest first, each with `method`, `path`, `headers` (lower-case names) and
    `body` (parsed if it was JSON). `replies`: raw responses for the next `POST …/v1/messages`, each followed
    by the end of its connection.

    Raises:
        OSError: when the port is taken.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        key: str | None = None,
        log_delay: int = 2,
        keep_requests: bool = True,
        latency_ms: float = 0,
        max_concurrent: int | None = None,
        retry_after: int | None = None,
        any_host: bool = False,
        on_served: Observer | None = None,
    ) -> None:
        app = SandboxApp(
            SandboxBehavior(
                key=key,
                log_delay=log_delay,
                keep_requests=keep_requests,
                latency_ms=latency_ms,
                max_concurrent=max_concurrent,
                retry_after=retry_after,
                any_host=any_host,
            )
        )
        self._server = _Server(port, app, on_served)
        self._thread: Thread | None = None
        self.requests = app.requests
        self.replies = app.replies
        self.url = f"http://127.0.0.1:{self._server.port}"

    def start(self) -> Self:
        """Serve in a daemon thread.

        Raises:
            UsageError: this process may not have the memory or the threads for it.
        """
        check_address_space()
        thread = Thread(target=self.serve_forever, name="respan-sandbox", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self.close()
            hint = "raise the limit on processes: 'ulimit -u' shows it"
            raise UsageError("cannot start the sandbox", reason=str(error), hint=hint) from None
        self._thread = thread
        return self

    def serve_forever(self) -> None:
        """Serve until `close`, or until an exception such as KeyboardInterrupt passes through."""
        self._server.serve()

    def close(self) -> None:
        """Stop serving and end every connection. May be called again."""
        self._server.stop()
        if self._thread:
            self._thread.join()
        self._server.drop_connections()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def check_address_space() -> None:
    """Refuse to start where `ulimit -v` leaves too little for threads.

    Raises:
        UsageError: the limit is below `MIN_ADDRESS_SPACE_BYTES`.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < MIN_ADDRESS_SPACE_BYTES:
        needed = MIN_ADDRESS_SPACE_BYTES // 1024
        raise UsageError(
            "not enough memory for the sandbox",
            reason=f"this process is limited to {limit // 1024} KiB of address space",
            hint=f"raise the limit to {needed} or more: 'ulimit -v' shows it",
        )


class _Server:
    """The listening socket and its connections."""

    def __init__(self, port: int, app: SandboxApp, observer: Observer | None) -> None:
        self._app = app
        self._observer = observer
        self.closing = Event()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
        self._listener.settimeout(ACCEPT_TIMEOUT_S)
        self.port: int = self._listener.getsockname()[1]
        self._connections: dict[Connection, Thread] = {}
        self._lock = Lock()

    def serve(self) -> None:
        try:
            while not self.closing.is_set():
                self._accept()
        finally:
            self._listener.close()

    def _accept(self) -> None:
        try:
            accepted, _ = self._listener.accept()
        except TimeoutError:
            return
        except OSError:
            # The connection that waits would be reported again at once.
            self.closing.wait(ACCEPT_PAUSE_S)
            return
        connection = Connection(accepted, self._app, self.closing, self._observer)
        thread = Thread(target=self._run, args=(connection,), name="respan-sandbox-connection", daemon=True)
        with self._lock:
            admitted = len(self._connections) < MAX_CONNECTIONS and not self.closing.is_set()
            if admitted:
                self._connections[connection] = thread
        try:
            if admitted:
                thread.start()
                return
        except RuntimeError:  # the system has no thread for it
            self._forget(connection)
        connection.turn_away()

    def _run(self, connection: Connection) -> None:
        try:
            connection.serve()
        finally:
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        with self._lock:
            self._connections.pop(connection, None)

    def stop(self) -> None:
        """End the loop at once: a connection of our own wakes it."""
        if not self.closing.is_set():
            self.closing.set()
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()

    def drop_connections(self) -> None:
        self._listener.close()
        with self._lock:
            connections = self._connections.copy()
        for connection, thread in connections.items():
            connection.shut_down()
            thread.join(JOIN_TIMEOUT_S)
