"""Files that go with a prompt: text as text, images and PDF as blocks. What a file is, its content says.

Limits are those of the Messages API (platform.claude.com, "Images and vision" and "PDF support"): an image
may have 10 MB in base64 (5 MB at some providers, which then refuse it themselves), a request 32 MB in all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from respan_cli.errors import UsageError
from respan_cli.terminal.encoding import decode

IMAGE_LIMIT = 10 * 1024 * 1024  # bytes of base64, for one image
REQUEST_LIMIT = 32 * 1024 * 1024  # bytes, for the whole request
PDF = "application/pdf"

# The first bytes of each kind: PNG (ISO/IEC 15948, 5.2), JPEG (ISO/IEC 10918-1, B.1.1.3), GIF (GIF89a, 17).
_STARTS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_PDF_WITHIN = 1024  # bytes; the header of a PDF may have something before it (PDF 1.7, appendix H, note 13)


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file as it goes into the message.

    Args:
        block: its content block, if it is an image or a PDF.
    """

    name: str
    text: str | None = None
    block: dict[str, Any] | None = None


def read(path: Path) -> Attachment:
    """The file at `path`.

    Raises:
        UsageError: it cannot be read, or is larger than any request; or see `attach`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(REQUEST_LIMIT + 1)  # a device may have no end
    except OSError as error:
        raise UsageError(f"cannot read {path}", reason=error.strerror) from None
    if len(data) > REQUEST_LIMIT:
        raise UsageError(
            f"{path} has more than {REQUEST_LIMIT:,} bytes",
            reason=f"the API takes requests of at most {_mb(REQUEST_LIMIT)}",
            hint="send a part of it",
        )
    return attach(str(path), data)


def attach(name: str, data: bytes) -> Attachment:
    """The attachment that these bytes make.

    Args:
        name: what the model, and a message, calls them.

    Raises:
        UsageError: they are neither UTF-8 text nor of a known kind, or more than the API takes.
    """
    kind = media_type(data)
    if kind is None:
        return Attachment(name, text=_text(name, data))
    return Attachment(name, block=_block(name, kind, data))


def media_type(data: bytes) -> str | None:
    """What the content is, if it is an image or a PDF; no name is looked at."""
    for start, kind in _STARTS:
        if data.startswith(start):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    before, found, _ = data[:_PDF_WITHIN].partition(b"%PDF-")
    # Prose may speak of "%PDF-"; what stands before the header of a PDF is never a line of it.
    return PDF if found and not before.strip(b"\xef\xbb\xbf \t\r\n\x00") else None


def check_total(attachments: Iterable[Attachment]) -> None:
    """Refuse attachments that no request can hold together.

    Raises:
        UsageError: their blocks are larger than the API's limit for a request.
    """
    blocks = [(each.name, each.block["source"]["data"]) for each in attachments if each.block]
    size = sum(len(data) for _, data in blocks)
    if size > REQUEST_LIMIT:
        raise UsageError(
            f"{size:,} bytes in base64: {', '.join(name for name, _ in blocks)}",
            reason=f"the API takes requests of at most {_mb(REQUEST_LIMIT)}",
            hint="send fewer files, or smaller ones",
        )


def _text(name: str, data: bytes) -> str:
    try:
        return decode(data, name)
    except UsageError as error:
        raise error.with_hint("text (UTF-8), PNG, JPEG, GIF, WebP and PDF can be sent") from None


def _block(name: str, kind: str, data: bytes) -> dict[str, Any]:
    from base64 import b64encode

    content = b64encode(data).decode()
    if kind != PDF and len(content) > IMAGE_LIMIT:
        raise UsageError(
            f"{name} has {len(content):,} bytes in base64",
            reason=f"the API takes images of at most {_mb(IMAGE_LIMIT)}",
            hint="make the image smaller; the API scales large ones down anyway",
        )
    source = {"type": "base64", "media_type": kind, "data": content}
    return {"type": "document" if kind == PDF else "image", "source": source}


def _mb(size: int) -> str:
    return f"{size // (1024 * 1024)} MB ({size:,} bytes)"
