"""Times as people type them: so long ago, or a date, with a time and a zone if need be."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from respan_cli.errors import UsageError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PART = re.compile(rf"(\d+(?:\.\d+)?)([{''.join(_UNITS)}])")
_AGO = re.compile(rf"(?:{_PART.pattern})+")


def read_time(text: str, flag: str, now: datetime) -> datetime:
    """The time that `90s`, `1h30m`, `7d`, `2026-10-21` or `2026-10-21T14:00+02:00` means.

    A date alone is its first moment; without a zone it is that of this machine.

    Args:
        flag: for the message.
        now: what durations are counted back from.

    Raises:
        UsageError: it is none of these.
    """
    text = text.strip()
    try:
        if _AGO.fullmatch(text):
            return now - sum((timedelta(**{_UNITS[unit]: float(n)}) for n, unit in _parts(text)), timedelta())
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{flag} {text!r} is no time",
            hint="write 90s, 15m, 1h, 7d, a date such as 2026-10-21, or a time such as 2026-10-21T14:00Z",
        ) from None


def _parts(text: str) -> list[tuple[str, str]]:
    return _PART.findall(text)
