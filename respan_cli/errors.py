"""Everything that can end a command early, each kind with its own exit code.

    RespanError
    ├── UsageError            2   flags, arguments or input
    ├── SettingsError         3   a profile, a file or a key
    ├── AuthenticationError   4   401, 403
    ├── RejectedError         5   other 4xx, a redirect
    ├── LimitError            6   402, 429
    ├── ProviderError         7   5xx, 529
    ├── NetworkError          8   DNS, connection, TLS, proxy
    │   └── ResponseTimeoutError  the request was sent and no answer began
    ├── BadResponseError      9   incomplete, or not the API's
    ├── TruncatedError       10   --strict: not whole
    ├── RefusalError         11   --strict: refused by the model
    └── OutputError          12   the answer could not be written

Every module may raise these; only `cli.main` turns one into an exit code.
"""

from __future__ import annotations

import re
from enum import IntEnum, StrEnum
from typing import ClassVar, Self

# What a script may compare with: anything else that a body calls its error's type is not one.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


class ExitCode(IntEnum):
    """The exit code of the process. The meanings are in `EXIT_CODE_MEANINGS`."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    SETTINGS = 3
    AUTHENTICATION = 4
    REJECTED = 5
    LIMIT = 6
    PROVIDER = 7
    NETWORK = 8
    BAD_RESPONSE = 9
    TRUNCATED = 10
    REFUSAL = 11
    OUTPUT = 12
    ROWS_FAILED = 13
    INTERRUPTED = 130


# One table for `respan help exit-codes`, the docs and the tests.
EXIT_CODE_MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "done (also: the reader of our pipe went away early)",
    ExitCode.INTERNAL: "a defect in this program",
    ExitCode.USAGE: "usage: flags, arguments, input",
    ExitCode.SETTINGS: "settings: no key, unknown profile, a file that does not parse",
    ExitCode.AUTHENTICATION: "authentication refused (401, 403)",
    ExitCode.REJECTED: "request refused (400, 404, 409, 413, 422, 424 and other 4xx; a redirect)",
    ExitCode.LIMIT: "rate limit, quota or credits (402, 429)",
    ExitCode.PROVIDER: "gateway or provider failure (5xx, 529, an error event inside the stream)",
    ExitCode.NETWORK: "not reached: DNS, connection, TLS, proxy, timeout",
    ExitCode.BAD_RESPONSE: "the reply broke off, or was not the API's (HTML, no message_stop)",
    ExitCode.TRUNCATED: "--strict: the answer was cut by max_tokens",
    ExitCode.REFUSAL: "--strict: the model refused to answer",
    ExitCode.OUTPUT: "the answer arrived and could not be written (disk full, file not writable)",
    ExitCode.ROWS_FAILED: "batch: some rows failed",
    ExitCode.INTERRUPTED: "interrupted; the partial answer stays printed (SIGTERM: 143, SIGHUP: 129)",
}


class FailureKind(StrEnum):
    """The specific failure below HTTP, or in the log. The values are public (docs/check.md)."""

    DNS = "dns"
    TCP_REFUSED = "tcp_refused"
    TCP_TIMEOUT = "tcp_timeout"
    TCP = "tcp"
    PROXY = "proxy"
    PROXY_AUTH = "proxy_auth"
    PROXY_NO_TLS = "proxy_no_tls"
    PROXY_SOCKS = "proxy_socks"
    PROXY_UNUSABLE = "proxy_unusable"
    TLS_UNTRUSTED = "tls_untrusted"
    TLS_EXPIRED = "tls_expired"
    TLS_NOT_YET_VALID = "tls_not_yet_valid"
    TLS_HOSTNAME = "tls_hostname"
    TLS_NONE = "tls_none"
    TLS_SILENT = "tls_silent"
    TLS_CERTIFICATES = "tls_certificates"
    TLS_CLIENT_CERTIFICATE = "tls_client_certificate"
    TLS = "tls"
    LOG_MISSING = "log_missing"
    LOG_DIFFERS = "log_differs"
    LOG_NONE = "log_none"


class TerminationSignal(BaseException):
    """This process was asked to end: SIGTERM, or SIGHUP when its terminal was closed.

    Not an `Exception`, for the same reason as `KeyboardInterrupt`: an `except Exception` must not catch it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


class ReaderClosedError(Exception):
    """The reader of our pipe closed it, as `head` does: not an error."""


class RespanError(Exception):
    """A failure with words for a person and a code for a script.

    Args:
        message: what failed, one sentence without a final full stop.
        reason: why, in the words of the gateway or the system; foreign text is fine here,
            it is cleaned where it is shown.
        kind: the `type` of the JSON error: the API's own name for it (`rate_limit_error`) when it gives
            one, else the `default_kind` of the class.
        status: the HTTP status, when a response came.
        retryable: whether the same command may succeed later.
        retry_after: seconds the server asked us to wait.
    """

    code: ClassVar[ExitCode] = ExitCode.INTERNAL
    default_kind: ClassVar[str] = "defect"

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        hint: str | None = None,
        kind: str | None = None,
        status: int | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
        request_id: str | None = None,
        log_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.hint = hint
        self.kind = kind if kind and _NAME.fullmatch(kind) else self.default_kind
        self.status = status
        self.retryable = retryable
        self.retry_after = retry_after
        self.request_id = request_id
        self.log_id = log_id

    def _copy(self) -> Self:
        changed = type(self).__new__(type(self), *self.args)
        vars(changed).update(vars(self))
        return changed

    def with_message(self, message: str) -> Self:
        """The same failure in other words."""
        changed = self._copy()
        changed.message = message
        return changed

    def with_reason(self, reason: str | None) -> Self:
        """The same failure with another cause."""
        changed = self._copy()
        changed.reason = reason
        return changed

    def with_hint(self, hint: str | None) -> Self:
        """The same failure with other advice."""
        changed = self._copy()
        changed.hint = hint
        return changed

    def with_kind(self, kind: str) -> Self:
        """The same failure of a finer kind."""
        changed = self._copy()
        changed.kind = kind
        return changed

    def with_ids(self, request_id: str | None, log_id: str | None) -> Self:
        """The same failure with these IDs, if it has none of its own."""
        changed = self._copy()
        changed.request_id = self.request_id or request_id
        changed.log_id = self.log_id or log_id
        return changed


class UsageError(RespanError):
    """Flags, arguments or input that cannot be used."""

    code = ExitCode.USAGE
    default_kind = "usage"


class SettingsError(RespanError):
    """A profile, a file or a key that is missing or wrong."""

    code = ExitCode.SETTINGS
    default_kind = "settings"


class AuthenticationError(RespanError):
    """The gateway or the provider refused the key."""

    code = ExitCode.AUTHENTICATION
    default_kind = "authentication"


class RejectedError(RespanError):
    """The request reached the API, which will not take it as it is."""

    code = ExitCode.REJECTED
    default_kind = "refused"


class LimitError(RespanError):
    """A rate limit, a quota, or no credits."""

    code = ExitCode.LIMIT
    default_kind = "limit"


class ProviderError(RespanError):
    """The gateway or the model's provider failed."""

    code = ExitCode.PROVIDER
    default_kind = "provider"


class NetworkError(RespanError):
    """No answer came: DNS, connection, TLS, proxy, timeout."""

    code = ExitCode.NETWORK
    default_kind = "unreached"


class ResponseTimeoutError(NetworkError):
    """The request was sent and no response began. Never retried: it would be paid for twice."""

    default_kind = "timeout"


class BadResponseError(RespanError):
    """An incomplete or non-API response."""

    code = ExitCode.BAD_RESPONSE
    default_kind = "broken_reply"


class TruncatedError(RespanError):
    """With `--strict`: the answer ended at `max_tokens`."""

    code = ExitCode.TRUNCATED
    default_kind = "cut"


class RefusalError(RespanError):
    """With `--strict`: the model refused."""

    code = ExitCode.REFUSAL
    default_kind = "declined"


class OutputError(RespanError):
    """The answer arrived and could not be written."""

    code = ExitCode.OUTPUT
    default_kind = "unwritten"
