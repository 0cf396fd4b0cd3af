"""Bytes that are no UTF-8 text: refused by offset, and every command in a hint converts these very bytes."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from respan_cli.sandbox import Sandbox
from tests.support import PATIENCE, Outcome, run

TEXT = "Grüße aus Köln,\nfür 3 Tage\n"
LATIN = TEXT.encode("cp1252")
NAMES = b"a.txt\x00b.txt\x00notes/c.txt\x00"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "text " * 40)
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"), io.BytesIO())
    return file.getvalue()


BMP = b"BM\x7e\x00\x00\x00\x00\x00\x00\x00\x7a\x00\x00\x00" + bytes(60)

CONVERTIBLE = {
    "UTF-16 with a mark": (b"\xff\xfe" + TEXT.encode("utf-16-le"), "is not UTF-8 at byte offset 0"),
    "UTF-16BE with a mark": (b"\xfe\xff" + TEXT.encode("utf-16-be"), "is not UTF-8 at byte offset 0"),
    "UTF-16LE": (TEXT.encode("utf-16-le"), "has a NUL byte at byte offset 1"),
    "UTF-16BE": (TEXT.encode("utf-16-be"), "has a NUL byte at byte offset 0"),
    "UTF-32 with a mark": (TEXT.encode("utf-32"), "is not UTF-8 at byte offset 0"),
    "Windows-1252": (LATIN, "is not UTF-8 at byte offset 2"),
    "Windows-1252 with a euro": ("5 € für Käse".encode("cp1252"), "is not UTF-8 at byte offset 2"),
    "Latin-1": ("Café".encode("latin-1"), "is not UTF-8 at byte offset 3"),
    "names between NUL bytes": (NAMES, "has a NUL byte at byte offset 5"),
}
TOLD = re.compile(r"  next: [^:]*: ((?:iconv|tr) .*)\n")


@pytest.mark.skipif(not shutil.which("iconv"), reason="iconv is not installed")
@pytest.mark.parametrize(("data", "words"), CONVERTIBLE.values(), ids=CONVERTIBLE.keys())
@pytest.mark.parametrize("way", ["piped", "a file", "messages"])
def test_the_command_of_the_hint_converts_the_input_that_led_to_it(
    way: str, data: bytes, words: str, env: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "input"
    path.write_bytes(data)
    flags = {"piped": (), "a file": ("-f", str(path)), "messages": ("--messages", str(path))}[way]
    done = run("send", "Look", *flags, stdin=b"" if flags else data, env=env)
    name = str(path) if flags else "standard input"
    assert (done.code, done.out, done.err.splitlines()[0]) == (2, "", f"error: {name} {words}")
    assert sandbox.requests == []
    told = TOLD.search(done.err)
    assert told, done.err
    converted = subprocess.run(
        ["sh", "-c", told[1]], input=data, capture_output=True, check=True, timeout=PATIENCE
    ).stdout
    assert run("send", "-q", stdin=converted, env=env).code == 0
    encodings = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252") if "iconv" in told[1] else ()
    text = converted.decode()
    assert "\0" not in text
    assert text == NAMES.decode().replace("\0", "\n") or any(
        text.removeprefix("\ufeff").encode(name, "replace") in (data, data[2:], data[4:])
        for name in encodings
    )


BINARY = {
    "zip": (zipped(), "has a NUL byte at byte offset 5"),
    "tar": (tarred(), "has a NUL byte at byte offset 5"),
    "bmp": (BMP, "has a NUL byte at byte offset 3"),
    "odd UTF-16": (b"\xff\xfeh\x00i", "is not UTF-8 at byte offset 0"),
    "neither": (b"good\xff\x00", "is not UTF-8 at byte offset 4"),
    "Shift-JIS": ("日、本".encode("shift-jis"), "is not UTF-8 at byte offset 0"),
}


@pytest.mark.parametrize(("data", "words"), BINARY.values(), ids=BINARY.keys())
def test_what_seems_no_text_gets_no_conversion(
    data: bytes, words: str, env: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    assert run("send", stdin=data, env=env) == Outcome(2, "", f"error: standard input {words}\n")
    path = tmp_path / "input"
    path.write_bytes(data)
    assert run("send", "-f", str(path), env=env) == Outcome(
        2, "", f"error: {path} {words}\n  next: text (UTF-8), PNG, JPEG, GIF, WebP and PDF can be sent\n"
    )
    assert sandbox.requests == []


def test_an_image_on_standard_input_is_told_the_flag_that_sends_it(
    env: dict[str, str], sandbox: Sandbox
) -> None:
    assert run("send", "What is it?", stdin=PNG, env=env) == Outcome(
        2,
        "",
        "error: standard input is not UTF-8 at byte offset 0\n"
        "  next: send an image or a PDF as a file: -f -\n",
    )
    assert run("send", "What is it?", "-f", "-", stdin=PNG, env=env).code == 0
    assert len(sandbox.requests) == 1


def test_utf8_that_is_cut_off_in_a_character_is_told_so(env: dict[str, str]) -> None:
    assert run("send", stdin="Grüße ü".encode()[:-1], env=env) == Outcome(
        2,
        "",
        "error: standard input is not UTF-8 at byte offset 8\n"
        "  next: it is UTF-8 up to there: a character is damaged or cut off\n",
    )


@pytest.mark.skipif(os.name == "nt", reason="file names are bytes")
def test_a_file_whose_name_is_no_utf8_is_sent_under_a_readable_spelling(
    env: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/gr\xfc\xdf.txt")
    Path(path).write_text("fine")
    assert run("send", "Read", "-f", path, env=env).code == 0
    assert (
        sandbox.requests[0]["body"]["messages"][0]["content"] == f"Read\n\n{tmp_path}/gr\\xfc\\xdf.txt\nfine"
    )
    Path(path).write_bytes(b"a\x00\x01")
    assert run("send", "Read", "-f", path, env=env) == Outcome(
        2,
        "",
        f"error: {tmp_path}/gr\\xfc\\xdf.txt has a NUL byte at byte offset 1\n"
        "  next: text (UTF-8), PNG, JPEG, GIF, WebP and PDF can be sent\n",
    )


def test_a_url_is_named_as_it_was_typed(env: dict[str, str], sandbox: Sandbox) -> None:
    url = "https://example.com/a/../photo.png"
    assert run("send", "Look", "-f", url, env=env) == Outcome(
        2, "", f"error: cannot read {url}: URLs are not supported\n  next: download it first\n"
    )
    assert sandbox.requests == []
