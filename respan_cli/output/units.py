"""Money, time and counts as people read them, and as scripts do."""

from __future__ import annotations

import math


def usd(amount: float) -> str:
    """An amount such as "$12.35" or "$0.0012": four decimals below a dollar, or two digits that are not 0."""
    if amount == 0:
        return "$0"
    size = abs(amount)
    decimals = 2 if size >= 1 else 4 if size >= 0.00095 else 1 - math.floor(math.log10(size))
    return f"{'-' if amount < 0 else ''}${size:,.{decimals}f}"


def seconds(duration: float) -> str:
    """A duration such as "0.25s", "12.3s" or "2m03s"."""
    if duration < 59.95:
        return f"{duration:.2f}s" if duration < 9.995 else f"{duration:.1f}s"
    minutes, rest = divmod(round(duration), 60)
    return f"{minutes}m{rest:02}s"


def compact(count: float) -> str:
    """A count such as "812", "12.3k" or "1M": at most five characters up to a thousand millions."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size * (10 if unit == "k" else 1):
            return f"{count / size:.3g}{unit}" if count < 999.5 * size else f"{count / size:.0f}{unit}"
    return f"{count:.0f}"


def plain(number: float | None) -> str:
    """A number for scripts: no exponent, no zeros at its end; nothing for None."""
    if number is None:
        return ""
    text = f"{number:.10f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
