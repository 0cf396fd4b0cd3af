"""Text as bytes: UTF-8 for pipes and files, and for a terminal what its encoding can represent."""

from __future__ import annotations

import codecs
import io
import unicodedata
from typing import TextIO

from respan_cli.errors import UsageError

UTF8 = "utf-8"

# Our own ornaments, and what models like to write, in ASCII. One column stays one column where rows of a
# screen are counted: bullets, bars, rules, the spinner.
_SPELLINGS = {
    **dict.fromkeys("‘’‚‹›", "'"),
    **dict.fromkeys("“”„«»", '"'),
    **dict.fromkeys("·‐‑‒–—―−─━", "-"),
    **dict.fromkeys("•▪◦", "*"),
    **dict.fromkeys("│┃", "|"),
    "…": "...",
    "⚠": "!",
    "×": "x",
    "→": "->",
    "←": "<-",
    "≤": "<=",
    "≥": ">=",
    "€": "EUR",
}
SPELLING = "respan-spelling"  # the names of our error handlers for codecs
NARROW_SPELLING = "respan-narrow-spelling"  # for text that is laid out already: one character for one


def encode(text: str, encoding: str = UTF8) -> bytes:
    """The text as bytes, whatever is in it.

    Half a surrogate pair, which UTF-8 has no bytes for, becomes the escape that JSON also uses; what another
    encoding cannot represent is spelled with what it has.
    """
    return text.encode(encoding, "backslashreplace" if encoding == UTF8 else SPELLING)


def decode(data: bytes, name: str) -> str:
    """UTF-8 text without its byte order mark.

    NUL is refused too: databases that gateways log to cannot store it.

    Raises:
        UsageError: they are not UTF-8 text; the message names the byte offset, the hint a conversion.
    """
    nul = data.find(0)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if not 0 <= nul < error.start:
            raise _not_text(data, f"{name} is not UTF-8 at byte offset {error.start}", error.start) from None
    else:
        if nul < 0:
            return text.removeprefix("\ufeff")
    raise _not_text(data, f"{name} has a NUL byte at byte offset {nul}", nul)


def _not_text(data: bytes, message: str, start: int) -> UsageError:
    from respan_cli.terminal.conversions import conversion_hint

    if data[start] and not data[:start].isascii():
        return UsageError(message, hint="it is UTF-8 up to there: a character is damaged or cut off")
    return UsageError(message, hint=conversion_hint(data))


def as_displayed(text: str, encoding: str) -> str:
    """The text as a terminal of this encoding will show it, so that it can be measured."""
    return text if encoding == UTF8 else encode(text, encoding).decode(encoding)


def configure_encoding(stream: TextIO | None) -> str:
    """The encoding of a standard stream, which from now on takes whatever others print there, too."""
    if not isinstance(stream, io.TextIOWrapper):
        return UTF8
    encoding = codecs.lookup(stream.encoding).name if stream.isatty() else UTF8
    stream.reconfigure(encoding=encoding, errors="backslashreplace" if encoding == UTF8 else NARROW_SPELLING)
    return encoding


def _spell(error: UnicodeError) -> tuple[str | bytes, int]:
    """The codec's error handler (see `codecs.register_error` in Python's library reference)."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    unknown = error.object[error.start : error.end]
    return "".join(map(_spelling, unknown)), error.end


def _spell_narrowly(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    unknown = error.object[error.start : error.end]
    return "".join(_spelling(character)[:1] for character in unknown), error.end


def _spelling(character: str) -> str:
    if character in _SPELLINGS:
        return _SPELLINGS[character]
    plain = unicodedata.normalize("NFD", character).encode("ascii", "ignore").decode()
    if plain:
        return plain
    # Accents, joiners and variation selectors take no place of their own.
    return "" if unicodedata.category(character) in ("Mn", "Me", "Cf") else "?"


codecs.register_error(SPELLING, _spell)
codecs.register_error(NARROW_SPELLING, _spell_narrowly)
