"""Whether an answer that arrived is whole, and what it means if it is not.

Only the ends that are known to be good count: a reason to stop that is not known yet is no success.
"""

from __future__ import annotations

from respan_cli.errors import BadResponseError, RefusalError, RespanError, TruncatedError
from respan_cli.messages.user_json import check_answer
from respan_cli.output.result import Result

_WHOLE = frozenset({"end_turn", "stop_sequence"})

# stop reason -> what it means for the person who asked, and what to do
_PROBLEMS: dict[str, tuple[type[RespanError], str, str]] = {
    "max_tokens": (TruncatedError, "the answer was cut by max_tokens", "a larger --max-tokens lets it end"),
    "model_context_window_exceeded": (
        TruncatedError,
        "the answer was cut at the end of the model's context window",
        "a shorter prompt leaves more room",
    ),
    "pause_turn": (
        TruncatedError,
        "the model paused in the middle of its turn (pause_turn)",
        "send the conversation again with this answer at its end",
    ),
    "tool_use": (
        TruncatedError,
        "the model called a tool, and the request had none",
        "send the tools with --extra-body, or ask for an answer in text",
    ),
    "refusal": (RefusalError, "the model refused to answer", "put the request in other words"),
}


def problem_with(result: Result) -> RespanError | None:
    """Why an answer is incomplete; None if it is complete."""
    answer = result.answer
    reason = answer.stop_reason
    calls_tool = answer.calls_tool and "tools" in result.request.options
    if reason in _WHOLE or (reason == "tool_use" and calls_tool):
        if answer.text.strip() or calls_tool:
            return None
        kind, message, hint = _empty(result)
    else:
        kind, message, hint = _PROBLEMS.get(reason or "", _unknown(reason))
    return kind(message, hint=hint, request_id=result.ids.request_id, log_id=result.ids.log_id)


def _empty(result: Result) -> tuple[type[RespanError], str, str]:
    if result.answer.calls_tool:
        return _PROBLEMS["tool_use"]
    return TruncatedError, "the answer has no text", "send it again, or put the request in other words"


def _unknown(reason: str | None) -> tuple[type[RespanError], str, str]:
    said = "gave no reason to stop" if reason is None else f"stopped for a reason not known here ({reason!r})"
    return TruncatedError, f"the answer may not be whole: the model {said}", "check it before you use it"


def check_parsed(result: Result) -> None:
    """Refuse to pass off an answer as JSON that is none; it is printed all the same, `parsed` being null.

    Raises:
        BadResponseError: a schema was given and the answer is not JSON.
    """
    if why := check_answer(result.request.options, result.text):
        raise BadResponseError(
            "the answer is not the JSON that --schema asks for",
            reason=why,
            hint="the answer is in 'text'; see 'stop_reason' for why it ended",
            request_id=result.ids.request_id,
            log_id=result.ids.log_id,
        )
