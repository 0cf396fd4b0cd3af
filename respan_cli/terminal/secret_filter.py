"""Known secrets taken out of any text, however the text repeats them: split, cut, escaped or encoded."""

from __future__ import annotations

import re
from collections.abc import Iterator

from respan_cli.terminal.redact import HIDDEN, SHORTEST_SECRET
from respan_cli.terminal.text import INVISIBLE

# Text is compared without white space, control characters, invisible characters, and their JSON escapes.
_GAP = re.compile(rf"(?:[\s\x00-\x1f\x7f-\x9f{INVISIBLE}]|\\[nrtbf]|\\u[0-9a-fA-F]{{4}})+")

MAX_PIECE = 32  # characters
_PERCENT = re.compile(r"%[0-9a-fA-F]{2}")


class SecretFilter:
    """Replaces secrets, and parts of them that are long enough to matter, by `[hidden]`.

    A part matters if it is at least half as long as the secret and at least `SHORTEST_SECRET` characters:
    other programs cut a key that they quote, and so do we.
    """

    def __init__(self) -> None:
        self._added: list[str] = []  # whose forms are made when the first text comes
        self._forms: set[str] = set()
        # Pieces of the forms by their length: piece -> the forms, and where in them the piece stands.
        self._pieces: dict[int, dict[str, list[tuple[str, int]]]] = {}

    def add(self, *secrets: str) -> None:
        """Hide these from now on; the ones that are too short to be told from words are left out."""
        self._added += [secret for secret in secrets if len(secret) >= SHORTEST_SECRET]

    def _make_forms(self) -> None:
        while self._added:
            for form in map(_squeeze, _forms(self._added.pop())):
                self._add_form(form)

    def _add_form(self, form: str) -> None:
        if len(form) < SHORTEST_SECRET or form in self._forms:
            return
        self._forms.add(form)
        size = _piece_size(form)
        pieces = self._pieces.setdefault(size, {})
        for start in range(len(form) - size + 1):
            pieces.setdefault(form[start : start + size], []).append((form, start))

    def hide(self, text: str) -> str:
        """The text without the secrets."""
        self._make_forms()
        if not self._forms:
            return text
        squeezed, positions = _squeeze_with_positions(text)
        kept, end = [], 0
        for first, last in _merged(self._matches(squeezed)):
            kept += [text[end : positions[first]], HIDDEN]
            end = positions[last - 1] + 1
        return "".join([*kept, text[end:]])

    def open_end(self, text: str) -> int:
        """Where the end of the text begins that may be the start of a secret, or the middle of one."""
        self._make_forms()
        squeezed, positions = _squeeze_with_positions(text)
        size = 0
        while size < len(squeezed) and any(squeezed[-size - 1 :] in form for form in self._forms):
            size += 1
        return positions[-size] if size else len(text)

    def _matches(self, text: str) -> Iterator[tuple[int, int]]:
        """The stretches that are long enough parts of a form.

        Each of them holds a whole piece at some multiple of the piece's size, so only those are looked up.
        """
        for size, pieces in self._pieces.items():
            done = 0
            for at in range(0, len(text) - size + 1, size):
                if at + size <= done:
                    continue
                for form, start in pieces.get(text[at : at + size], ()):
                    first, last = _extend(text, at, form, start)
                    if last - first >= _shortest_part(form):
                        yield first, last
                        done = max(done, last)


class SecretStream:
    """A text that arrives in pieces, with secrets hidden even where one is split over several."""

    def __init__(self, secrets: SecretFilter) -> None:
        self._secrets = secrets
        self._held = ""

    def feed(self, text: str) -> str:
        """Take more text; return what cannot be part of a secret any more."""
        text = self._held + text
        end = self._secrets.open_end(text)
        self._held = text[end:]
        return self._secrets.hide(text[:end])

    def flush(self) -> str:
        """Return the rest: no more text follows."""
        held, self._held = self._held, ""
        return self._secrets.hide(held)


def _forms(secret: str) -> Iterator[str]:
    """A secret as JSON, URLs and HTTP's Basic authentication write it."""
    import json
    from binascii import b2a_base64
    from urllib.parse import quote

    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield quote(secret, safe="", errors="replace")
    data = secret.encode("utf-8", "replace")
    for shift in range(3):  # the secret may begin anywhere in a group of three bytes, as in `user:password`
        encoded = b2a_base64(bytes(shift) + data, newline=False).decode().rstrip("=")
        # The first characters depend on what stands before it, the last one on what follows.
        inner = encoded[(0, 2, 3)[shift] : -1]
        yield inner
        yield inner.translate(str.maketrans("+/", "-_"))


def _shortest_part(form: str) -> int:
    return max(SHORTEST_SECRET, (len(form) + 1) // 2)


def _piece_size(form: str) -> int:
    """A size for which every part that matters holds a piece at a multiple of that size.

    The largest one would do with the fewest looks, and cost the square of the length of a long secret.
    """
    return min(MAX_PIECE, (_shortest_part(form) + 1) // 2)


def _extend(text: str, at: int, form: str, start: int) -> tuple[int, int]:
    """The longest stretch around `at` in the text that equals the one around `start` in the form."""
    first, before = at, start
    while first and before and text[first - 1] == form[before - 1]:
        first, before = first - 1, before - 1
    last, after = at, start
    while last < len(text) and after < len(form) and text[last] == form[after]:
        last, after = last + 1, after + 1
    return first, last


def _merged(stretches: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The stretches in order; those that touch or overlap made one."""
    current: tuple[int, int] | None = None
    for first, last in sorted(stretches):
        if current and first <= current[1]:
            current = current[0], max(last, current[1])
            continue
        if current:
            yield current
        current = first, last
    if current:
        yield current


def _squeeze(text: str) -> str:
    return _PERCENT.sub(lambda escape: escape[0].upper(), _GAP.sub("", text))


def _squeeze_with_positions(text: str) -> tuple[str, list[int] | range]:
    """The text without gaps, and where each of its characters stands in the original."""
    if not _GAP.search(text):
        return _squeeze(text), range(len(text))
    positions: list[int] = []
    end = 0
    for gap in _GAP.finditer(text):
        positions += range(end, gap.start())
        end = gap.end()
    positions += range(end, len(text))
    return _squeeze(text), positions
