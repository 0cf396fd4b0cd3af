"""`-f`: what a file is, its content says; and it goes into the message the way the API takes it."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest

from respan_cli.errors import UsageError
from respan_cli.messages import attachments
from respan_cli.messages.attachments import IMAGE_LIMIT, REQUEST_LIMIT
from respan_cli.sandbox import Sandbox
from tests.support import Outcome, run

# The smallest files of their kinds that other programs open, but for the two whose start is enough.
PNG = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
GIF = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
WEBP = b64decode("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"
PDF = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def block(kind: str, media_type: str, data: bytes) -> dict[str, Any]:
    source = {"type": "base64", "media_type": media_type, "data": b64encode(data).decode()}
    return {"type": kind, "source": source}


def content_sent(sandbox: Sandbox) -> Any:
    (request,) = sandbox.requests
    (turn,) = request["body"]["messages"]
    assert turn["role"] == "user"
    return turn["content"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_text_files_follow_the_prompt_each_under_a_line_with_its_name(
    env: dict[str, str], sandbox: Sandbox, folder: Path
) -> None:
    (folder / "one.py").write_text("print('äöü')\n", "utf-8")
    (folder / "two.txt").write_bytes(b"\xef\xbb\xbfafter the mark")
    assert run("send", "Compare", "-f", "one.py", "-f", "two.txt", stdin=b"piped", env=env).code == 0
    assert content_sent(sandbox) == ("Compare\n\npiped\n\none.py\nprint('äöü')\n\n\ntwo.txt\nafter the mark")


@pytest.mark.parametrize(
    ("kind", "media_type", "data"),
    [
        ("image", "image/png", PNG),
        ("image", "image/jpeg", JPEG),
        ("image", "image/gif", GIF),
        ("image", "image/webp", WEBP),
        ("document", "application/pdf", PDF),
        ("document", "application/pdf", b"\xef\xbb\xbf\r\n" + PDF),
    ],
)
def test_the_content_decides_whatever_the_name_says(
    kind: str, media_type: str, data: bytes, env: dict[str, str], sandbox: Sandbox, folder: Path
) -> None:
    (folder / "notes.txt").write_bytes(data)
    assert run("send", "What is it?", "-f", "notes.txt", env=env).code == 0
    assert content_sent(sandbox) == [block(kind, media_type, data), {"type": "text", "text": "What is it?"}]


def test_prose_about_pdf_is_prose() -> None:
    text = b"A PDF starts with %PDF-1.4, a PNG with \\x89PNG, a GIF with GIF89a.\n"
    assert attachments.attach("notes", text) == attachments.Attachment("notes", text=text.decode())


def test_blocks_come_first_and_text_files_stay_with_the_prompt(
    env: dict[str, str], sandbox: Sandbox, folder: Path
) -> None:
    for name, data in (("a.png", PNG), ("b.txt", b"text"), ("c.pdf", PDF)):
        (folder / name).write_bytes(data)
    assert run("send", "Look", "-f", "a.png", "-f", "b.txt", "-f", "c.pdf", env=env).code == 0
    assert content_sent(sandbox) == [
        block("image", "image/png", PNG),
        block("document", "application/pdf", PDF),
        {"type": "text", "text": "Look\n\nb.txt\ntext"},
    ]


def test_a_file_needs_no_prompt(env: dict[str, str], sandbox: Sandbox, folder: Path) -> None:
    (folder / "a.gif").write_bytes(GIF)
    assert run("send", "-f", "a.gif", env=env).code == 0
    assert content_sent(sandbox) == [block("image", "image/gif", GIF)]


def test_an_image_can_be_piped_in(env: dict[str, str], sandbox: Sandbox) -> None:
    assert run("send", "What is it?", "-f", "-", stdin=PNG, env=env).code == 0
    assert content_sent(sandbox)[0] == block("image", "image/png", PNG)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            b"good\xff\x00",
            "error: data.bin is not UTF-8 at byte offset 4\n"
            "  next: text (UTF-8), PNG, JPEG, GIF, WebP and PDF can be sent\n",
        ),
        (
            None,
            "error: cannot read data.bin\n  why:  No such file or directory\n",
        ),
        (
            PNG + bytes(IMAGE_LIMIT * 3 // 4),
            "error: data.bin has 10,485,856 bytes in base64\n"
            "  why:  the API takes images of at most 10 MB (10,485,760 bytes)\n"
            "  next: make the image smaller; the API scales large ones down anyway\n",
        ),
        (
            PDF + bytes(REQUEST_LIMIT * 3 // 4),
            "error: 33,554,532 bytes in base64: data.bin\n"
            "  why:  the API takes requests of at most 32 MB (33,554,432 bytes)\n"
            "  next: send fewer files, or smaller ones\n",
        ),
    ],
    ids=["neither text nor known", "not there", "an image too large", "a PDF too large"],
)
def test_a_file_that_cannot_be_sent_is_named(
    data: bytes | None, message: str, env: dict[str, str], sandbox: Sandbox, folder: Path
) -> None:
    if data is not None:
        (folder / "data.bin").write_bytes(data)
    assert run("send", "hi", "-f", "data.bin", env=env) == Outcome(2, "", message)
    assert sandbox.requests == []


def test_an_image_of_just_the_limit_passes() -> None:
    data = PNG + bytes(IMAGE_LIMIT * 3 // 4 - len(PNG))
    whole = attachments.attach("large.png", data)
    assert whole.block is not None
    assert len(whole.block["source"]["data"]) == IMAGE_LIMIT
    attachments.check_total([whole] * 3)
    with pytest.raises(UsageError):
        attachments.check_total([whole] * 4)


def test_a_file_larger_than_any_request_is_not_read_to_its_end(
    env: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "log.txt"
    path.touch()
    os.truncate(path, 1 << 40)  # more than any memory, and next to nothing on the disk
    assert run("send", "hi", "-f", str(path), env=env) == Outcome(
        2,
        "",
        f"error: {path} has more than 33,554,432 bytes\n"
        "  why:  the API takes requests of at most 32 MB (33,554,432 bytes)\n"
        "  next: send a part of it\n",
    )
    assert sandbox.requests == []
