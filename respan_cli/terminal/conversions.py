"""What to advise for bytes that were refused as text: a command that makes UTF-8 of them. Pure."""

from __future__ import annotations

import codecs
import re

# Byte order marks, those of UTF-32 first: one of them begins like one of UTF-16 (Unicode Standard, 23.8).
_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
# Control characters that no text has; tab, line ends, form feed and the escape of colours may be in a log.
_NOT_TEXT = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffe\uffff]")


def conversion_hint(data: bytes) -> str | None:
    """How to convert these bytes, which are not UTF-8 text; None if they do not seem to be text.

    Every command in a hint is a filter: it reads the bytes on its standard input.
    """
    if encoding := _encoding_of(data):
        return f"convert it first: iconv -f {encoding} -t UTF-8"
    if _is_list(data):
        return r"turn its NUL bytes into line ends first: tr '\0' '\n'"
    if _is_text(data, "WINDOWS-1252"):  # Latin-1 is a part of it
        return "if it is Western European text, convert it first: iconv -f WINDOWS-1252 -t UTF-8"
    return None


def _encoding_of(data: bytes) -> str | None:
    """The encoding by its byte order mark or, for Latin scripts, by where its NUL bytes are."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding if _is_text(data, encoding) else None
    for encoding, low, high in (("UTF-16LE", 0, 1), ("UTF-16BE", 1, 0)):
        mostly_latin = 2 * data[high::2].count(0) >= len(data[high::2])
        if 0 not in data[low::2] and mostly_latin and _is_text(data, encoding):
            return encoding
    return None


def _is_list(data: bytes) -> bool:
    """Whether it is text but for NUL bytes that end its parts, as `find -print0` writes them."""
    return b"\0\0" not in data and _is_text(data.replace(b"\0", b"\n"), "UTF-8")


def _is_text(data: bytes, encoding: str) -> bool:
    try:
        return not _NOT_TEXT.search(data.decode(encoding))
    except UnicodeDecodeError:
        return False
