"""Whether an answer that arrived whole is what was asked for, and what it means if it is not. Pure."""

from __future__ import annotations

from respan_cli.errors import BadResponseError, RefusalError, RespanError, TruncatedError
from respan_cli.messages.user_json import check_answer
from respan_cli.output.result import Result

# stop reason -> what it means for the person who asked
TROUBLES: dict[str, tuple[type[RespanError], str, str]] = {
    "max_tokens": (TruncatedError, "the answer was cut by max_tokens", "a larger --max-tokens lets it end"),
    "model_context_window_exceeded": (
        TruncatedError,
        "the answer was cut at the end of the model's context window",
        "a shorter prompt leaves more room",
    ),
    "refusal": (RefusalError, "the model refused to answer", "put the request in other words"),
}


def check_parsed(result: Result) -> None:
    """Refuse to pass off an answer as JSON that is none; it is printed all the same, `parsed` being null.

    Raises:
        BrokenReplyError: a schema was given and the answer is not JSON.
    """
    if why := check_answer(result.request.options, result.answer.text):
        raise BadResponseError(
            "the answer is not the JSON that --schema asks for",
            reason=why,
            hint="the answer is in 'text'; see 'stop_reason' for why it ended",
            request_id=result.request_id,
            log_id=result.log_id,
        )


def trouble_with(result: Result) -> RespanError | None:
    """Why an answer that arrived whole is not what was asked for, if so."""
    reason = result.answer.stop_reason
    kind, message, hint = TROUBLES.get(reason or "", (None, "", ""))
    if kind is None:
        return None
    return kind(message, hint=hint, request_id=result.request_id, log_id=result.log_id)
