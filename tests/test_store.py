"""The profile file: real files, real processes, real refusals of the system."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from respan_cli.errors import SettingsError, UsageError
from respan_cli.settings import store, toml_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "sk-do-not-print-me"
OLD = f'default_profile = "work"\n\n[profiles.work]\napi_key = "{KEY}"\n'.encode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_bytes(OLD)
    return path


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    """The least careful umask: whatever is private is so by our doing."""
    old = os.umask(0)
    yield
    os.umask(old)


def any_document(_document: store.Document) -> None:
    """A check that refuses nothing."""


def no_document(document: store.Document) -> None:
    raise SettingsError(f"{document.where('profiles', 'work', 'api_key')}: refused")


def setting(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(tables: dict[str, Any]) -> None:
        tables[name] = value

    return change


def edit(path: Path, name: str = "new", value: object = 1) -> Path | None:
    return store.edit(path, setting(name, value), check=any_document)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def python(script: str, *args: object, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """A process of its own that runs `script`; `edit(path, name, value)` is there to be used.

    `before` are words to put before the command line, of a program that runs it.
    """
    prelude = """
        import os, resource, signal, sys
        from pathlib import Path
        from respan_cli.settings import store
        from respan_cli.errors import SettingsError

        def edit(path, name="new", value=1):
            return store.edit(Path(path), lambda t: t.update({name: value}), check=lambda d: None)
    """
    source = textwrap.dedent(prelude) + textwrap.dedent(script)
    command = [*before, sys.executable, "-c", source, *map(str, args)]
    pipe = subprocess.PIPE
    root = Path(__file__).parent.parent
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=root)


def run(script: str, *args: object, before: tuple[str, ...] = ()) -> tuple[int, str, str]:
    with python(script, *args, before=before) as process:
        out, err = process.communicate()
    return process.returncode, out, err


# Where the file is


@pytest.mark.parametrize(
    ("platform", "env", "expected"),
    [
        ("linux", {}, "/home/ada/.config/respan-cli/config.toml"),
        ("linux", {"XDG_CONFIG_HOME": "/etc/ada"}, "/etc/ada/respan-cli/config.toml"),
        ("linux", {"XDG_CONFIG_HOME": ""}, "/home/ada/.config/respan-cli/config.toml"),
        ("linux", {"XDG_CONFIG_HOME": "not/absolute"}, "/home/ada/.config/respan-cli/config.toml"),
        ("darwin", {}, "/home/ada/Library/Application Support/respan-cli/config.toml"),
        ("win32", {"APPDATA": "/roaming"}, "/roaming/respan-cli/config.toml"),
        ("win32", {"USERPROFILE": "/users/ada"}, "/users/ada/AppData/Roaming/respan-cli/config.toml"),
        ("linux", {"RESPAN_CLI_CONFIG": ""}, "/home/ada/.config/respan-cli/config.toml"),
        ("linux", {"RESPAN_CLI_CONFIG": "/else/where.toml"}, "/else/where.toml"),
        ("linux", {"RESPAN_CLI_CONFIG": "here.toml"}, "here.toml"),
        ("linux", {"RESPAN_CLI_CONFIG": "~/mine.toml"}, "/home/ada/mine.toml"),
    ],
)
def test_the_file_is_where_the_platform_keeps_such_files(
    platform: str, env: dict[str, str], expected: str
) -> None:
    assert store.config_path({"HOME": "/home/ada", **env}, platform) == Path(expected)


# Reading


def test_a_missing_file_is_an_empty_document(tmp_path: Path) -> None:
    document = store.read(tmp_path / "none" / "config.toml")
    assert (document.tables, document.data) == ({}, b"")
    assert names(tmp_path) == set()


def test_a_file_from_a_windows_editor_is_read(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf[profiles.work]\r\nmodel = 'm'\r\n")
    assert store.read(file).tables == {"profiles": {"work": {"model": "m"}}}


@pytest.mark.parametrize(
    ("data", "where", "reason"),
    [
        (b"a = 1\nb = ", "line 2, column 5: not valid TOML", "Invalid value"),
        (b'a = 1\napi_key = "sk', "line 2, column 14: not valid TOML", "Unterminated string"),
        (b"a = 1\n  ? = 2\n", "line 2, column 3: not valid TOML", "Invalid statement"),
        (b"[x]\r\n[sk]\r\n[sk]\r\n", "line 3, column 4: not valid TOML", "Cannot declare … twice"),
        (b"a = " + b"[" * 5000, "not valid TOML", "maximum recursion depth exceeded"),
    ],
)
def test_a_file_that_does_not_parse_is_named_with_line_and_column(
    file: Path, data: bytes, where: str, reason: str
) -> None:
    file.write_bytes(data)
    with pytest.raises(SettingsError) as caught:
        store.read(file)
    assert caught.value.message.startswith(str(file))
    assert caught.value.message.endswith(where)
    assert str(caught.value.reason).startswith(reason)
    assert (caught.value.code, caught.value.hint) == (3, "fix it with 'respan config edit'")


def test_a_file_that_is_not_utf8_is_named_with_its_byte_offset(file: Path) -> None:
    file.write_bytes(b"a = '\xc3\xa9 \xff'")
    with pytest.raises(SettingsError, match=r"config\.toml is not UTF-8 at byte offset 8$"):
        store.read(file)


def test_what_cannot_be_read_is_an_error_with_the_systems_reason(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path, reason in ((tmp_path, "Is a directory"), (loop, "Too many levels of symbolic links")):
        with pytest.raises(SettingsError) as caught:
            store.read(path)
        assert (caught.value.message, caught.value.reason) == (f"cannot read {path}", reason)


@pytest.mark.parametrize("broken", [f"api_key = '{KEY}", f"'{KEY}'\n", f"a = {KEY}", f'["{KEY}"]\n' * 2])
def test_no_error_about_the_file_quotes_it(file: Path, broken: str) -> None:
    file.write_text(broken)
    with pytest.raises(SettingsError) as caught:
        store.read(file)
    assert KEY not in f"{caught.value.message} {caught.value.reason} {caught.value.hint}"
    assert (caught.value.__cause__, caught.value.__suppress_context__) == (None, True)


def test_a_document_does_not_show_its_text_in_its_repr(file: Path) -> None:
    assert KEY not in repr(store.read(file))


def test_reading_takes_no_lock(file: Path) -> None:
    with held_lock(file):
        assert store.read(file).data == OLD


# Finding a key in the text

TEXT = """\
# profiles = "not here"
default_profile = "work"

[profiles.work]
system = '''
model = "not here"
'''
  "mo.del" = "m" # model = 2
metadata.agent = [
    "x", # agent = 1
]

[profiles.work.headers]
x-team = "x"
[profiles."a b"]
respan_params = { note = "x", agent = 1 }
"""


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("default_profile", (2, 1)),
        ("profiles", (4, 2)),
        ("profiles/work", (4, 11)),
        ("profiles/work/system", (5, 1)),
        ("profiles/work/mo.del", (8, 3)),
        ("profiles/work/metadata/agent", (9, 10)),
        ("profiles/work/headers", (13, 16)),
        ("profiles/work/headers/x-team", (14, 1)),
        ("profiles/a b", (15, 11)),
        ("profiles/a b/respan_params/agent", (16, 31)),
        ("profiles/work/model", None),
        ("profiles/default_profile", None),
    ],
)
def test_a_key_is_found_where_the_file_states_it(key: str, expected: tuple[int, int] | None) -> None:
    assert toml_text.locate(TEXT, *key.split("/")) == expected


def test_a_key_after_a_text_of_many_lines_is_found_in_one_pass() -> None:
    text = '[profiles.work]\nsystem = """\n' + 'a "line" of text\n' * 30_000 + '"""\nmodle = "x"\n'
    assert toml_text.locate(text, "profiles", "work", "modle") == (30_004, 1)


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        (r'"a\u0062".c = 1', "ab/c", (1, 11)),
        ("a = [{b = 1, c = [2, {d = 3}]}, 4]\nx = {y = {z = 1}, w.v = 2}", "x/w/v", (2, 21)),
        ("x = {y = {z = 1}, w = 2}", "x/y/z", (1, 11)),
        ("[[a]]\nb = 1\n[[a]]\nc = 2", "a/c", (4, 1)),
        ("# C:\\dir\na = 1", "a", (2, 1)),
        ("a = 1.5 # b = 2\r\nb = 1979-05-27T07:32:00Z\r\nc = 1", "c", (3, 1)),
        ("a = '''\n[b]\n'''\n[ b . 'c' ]", "b/c", (4, 7)),
    ],
)
def test_a_key_is_found_in_any_form_that_toml_has(text: str, key: str, expected: tuple[int, int]) -> None:
    tomllib.loads(text)
    assert toml_text.locate(text, *key.split("/")) == expected


def test_a_document_says_where_a_key_stands(file: Path) -> None:
    document = store.read(file)
    assert document.where("profiles", "work", "api_key") == f"{file}, line 4, column 1"
    assert document.where("nowhere") == str(file)


# What is written is what is read


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\"'\\",
        "one\ntwo\n",
        "one\r\ntwo\rthree\n",
        "\"\"\"\n'''",
        "\\\n",
        "tab\t del\x7f nul\0 esc\x1b nel\x85 ls\u2028",
        "é 漢 🎉 \U0010ffff",
        "a.b c#d",
    ],
)
def test_any_text_comes_back_as_it_was_as_value_and_as_key(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    edit(path, text, {text: [text, {text: text}]})
    assert store.read(path).tables == {text: {text: [text, {text: text}]}}


def test_a_value_with_lines_is_written_in_lines(tmp_path: Path) -> None:
    edit(tmp_path / "config.toml", "system", "one\ntwo")
    assert (tmp_path / "config.toml").read_text() == 'system = """\none\ntwo"""\n'


def test_text_that_is_not_utf8_is_refused_and_not_quoted(file: Path) -> None:
    with pytest.raises(UsageError, match=r"^a value is not UTF-8$"):
        edit(file, "system", KEY + "\udcff")
    assert file.read_bytes() == OLD


def test_an_edit_that_changes_nothing_writes_nothing(file: Path) -> None:
    file.write_bytes(b"# mine\nnew   =   1\n")
    before = file.stat()
    assert edit(file, "new", 1) is None
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not (file.parent / "config.toml.bak").exists()


@pytest.mark.parametrize("value", [1.0, True])
def test_a_value_of_another_type_is_a_change_even_if_python_calls_it_equal(file: Path, value: object) -> None:
    edit(file, "new", 1)
    edit(file, "new", value)
    assert type(store.read(file).tables["new"]) is type(value)


# What must not be overwritten


def test_a_file_that_does_not_parse_is_never_rewritten(file: Path) -> None:
    file.write_bytes(b"a = ")
    with pytest.raises(SettingsError, match="line 1, column 5"):
        edit(file)
    assert file.read_bytes() == b"a = "


def test_a_file_that_the_check_refuses_is_never_rewritten(file: Path) -> None:
    with pytest.raises(SettingsError, match="line 4, column 1: refused"):
        store.edit(file, setting("new", 1), check=no_document)
    assert file.read_bytes() == OLD


def test_a_document_that_the_check_would_refuse_is_never_written(file: Path) -> None:
    def check(document: store.Document) -> None:
        if "new" in document.tables:
            raise SettingsError("unknown key")

    with pytest.raises(SettingsError, match="unknown key"):
        store.edit(file, setting("new", 1), check=check)
    assert file.read_bytes() == OLD


def test_what_is_not_a_regular_file_is_not_replaced_by_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path):
        with pytest.raises(SettingsError, match="is not a regular file"):
            edit(path)
    assert pipe.is_fifo()
    assert names(tmp_path) == {"pipe"}


# Comments


def test_comments_that_a_rewrite_drops_are_kept_beside_it(file: Path) -> None:
    old = b'# mine\nsystem = "x" # yours\n'
    file.write_bytes(old)
    kept = edit(file)
    assert kept == file.parent / "config.toml.bak"
    assert kept.read_bytes() == old
    assert mode(kept) == 0o600
    assert file.read_text() == 'system = "x"\nnew = 1\n'


def test_comments_are_kept_once_and_the_next_edit_leaves_them_be(file: Path) -> None:
    file.write_bytes(b"# mine\n")
    kept = edit(file)
    assert kept is not None
    assert edit(file, "newer") is None
    assert kept.read_bytes() == b"# mine\n"


@pytest.mark.parametrize(
    "text",
    [
        """a = "# no" """,
        """a = '# no' """,
        r"""a = "\"# no" """,
        '''a = """\n# no\n"""""''',
        """a = '''\n' # no\n'''""",
        """'# no' = 1""",
        '''a = ["# no", """ " # no"""]''',
    ],
)
def test_a_hash_in_a_string_is_no_comment(file: Path, text: str) -> None:
    file.write_text(text)
    assert edit(file) is None
    assert "config.toml.bak" not in names(file.parent)


def test_a_comment_after_tricky_strings_is_one(file: Path) -> None:
    file.write_text('a = """x""""" # don\'t\n')
    assert edit(file) is not None


# Who may read it


def test_the_file_and_the_folders_made_for_it_are_the_owners_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    path = tmp_path / "a" / "b" / "config.toml"
    edit(path)
    assert [mode(p) for p in (path, path.parent, path.parent.parent, tmp_path)] == [
        0o600,
        0o700,
        0o700,
        0o755,
    ]


def test_a_file_that_others_could_read_becomes_private(file: Path) -> None:
    file.chmod(0o644)
    assert store.readable_by_others(file)
    edit(file)
    assert mode(file) == 0o600
    assert not store.readable_by_others(file)
    assert not store.readable_by_others(file.parent / "none")


def test_at_no_line_of_the_program_can_another_user_read_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "respan-cli"
    script = """
        from respan_cli.settings import files

        ours = {store.__file__, files.__file__}
        seen = set()
        def look(frame, event, arg):
            for path in [folder, *folder.glob("*"), *folder.glob(".*")] if folder.exists() else []:
                seen.add((path.name, oct(path.stat().st_mode & 0o777)))
            return look

        folder = Path(sys.argv[1])
        sys.settrace(lambda frame, *_: look if frame.f_code.co_filename in ours else None)
        edit(folder / "config.toml")
        store.replace_text(folder / "config.toml", b"#\\n", original=b"new = 1\\n", check=lambda d: None)
        edit(folder / "config.toml")
        sys.settrace(None)
        print(*sorted(" ".join(pair) for pair in seen), sep="\\n")
    """
    assert run(script, folder)[1:] == (
        ".config.toml.bak.new 0o600\n"
        ".config.toml.lock 0o600\n"
        ".config.toml.new 0o600\n"
        "config.toml 0o600\n"
        "config.toml.bak 0o600\n"
        "respan-cli 0o700\n",
        "",
    )


def test_a_file_put_in_the_way_of_the_temporary_one_gets_nothing(file: Path) -> None:
    script = """
        kept = Path(sys.argv[1]).with_name("victim")
        kept.touch()

        def plant(event, args):
            if event == "open" and str(args[0]).endswith(".config.toml.new"):
                os.link(kept, args[0])

        sys.addaudithook(plant)
        try:
            edit(sys.argv[1])
        except SettingsError as error:
            print(error.message, error.reason, sep="|")
    """
    assert run(script, file)[1:] == (f"cannot write {file}|File exists\n", "")
    assert (file.read_bytes(), (file.parent / "victim").read_bytes()) == (OLD, b"")


# Symbolic links


def test_an_edit_goes_through_a_chain_of_links_and_leaves_them_links(tmp_path: Path) -> None:
    target = tmp_path / "dotfiles" / "respan.toml"
    target.parent.mkdir()
    target.write_text("# mine\nold = 1\n")
    (tmp_path / "second").symlink_to("dotfiles/respan.toml")
    (tmp_path / "config.toml").symlink_to(tmp_path / "second")
    assert edit(tmp_path / "config.toml") == target.with_name("respan.toml.bak")
    assert (tmp_path / "config.toml").readlink() == tmp_path / "second"
    assert (tmp_path / "second").readlink() == Path("dotfiles/respan.toml")
    assert target.read_text() == "old = 1\nnew = 1\n"
    assert names(target.parent) == {"respan.toml", "respan.toml.bak", ".respan.toml.lock"}


def test_a_dangling_link_gets_its_target(tmp_path: Path) -> None:
    link = tmp_path / "config.toml"
    link.symlink_to("later/respan.toml")
    edit(link)
    assert link.is_symlink()
    assert (tmp_path / "later" / "respan.toml").read_text() == "new = 1\n"


@pytest.mark.parametrize("planted", [".config.toml.new", ".config.toml.lock", "config.toml.bak"])
def test_a_planted_link_is_not_written_through(file: Path, planted: str) -> None:
    file.write_bytes(b"# mine\n")
    victim = file.parent / "victim"
    victim.write_bytes(b"untouched")
    (file.parent / planted).symlink_to(victim)
    if planted.endswith(".lock"):
        with pytest.raises(SettingsError, match="cannot write"):
            edit(file)
    else:
        edit(file)
    assert victim.read_bytes() == b"untouched"


def test_a_lock_that_is_a_hard_link_to_another_file_leaves_that_alone(file: Path) -> None:
    victim = file.parent / "victim"
    victim.write_bytes(b"untouched")
    (file.parent / ".config.toml.lock").hardlink_to(victim)
    edit(file)
    assert (store.read(file).tables["new"], victim.read_bytes()) == (1, b"untouched")


# Devices, pipes and huge files


@pytest.mark.parametrize("kind", ["pipe", "/dev/zero", "/dev/tty"])
def test_what_is_not_a_regular_file_is_not_read(tmp_path: Path, kind: str) -> None:
    path = Path(kind) if kind.startswith("/") else tmp_path / kind
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(SettingsError, match=f"cannot read {path}"):
        store.read(path)


def test_the_null_device_is_an_empty_file() -> None:
    assert store.read(Path("/dev/null")).tables == {}


def test_a_file_that_is_too_large_is_neither_read_nor_written(file: Path) -> None:
    with pytest.raises(UsageError, match="would be larger than 1 MiB"):
        edit(file, "system", "x" * store.MAX_FILE_BYTES)
    assert file.read_bytes() == OLD
    file.write_bytes(b"#" * (store.MAX_FILE_BYTES + 1))
    with pytest.raises(SettingsError) as caught:
        store.read(file)
    assert (caught.value.message, caught.value.reason) == (f"cannot read {file}", "larger than 1 MiB")


# Owners and permissions


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write as another user")
def test_what_root_writes_stays_the_property_of_its_owner(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    file = folder / "config.toml"
    file.write_bytes(b"# mine\n" + OLD)
    for path in (folder, file):
        os.chown(path, 1234, 2345)
    edit(file)
    assert {(path.name, path.stat().st_uid, path.stat().st_gid) for path in folder.iterdir()} == {
        (name, 1234, 2345) for name in ("config.toml", "config.toml.bak", ".config.toml.lock")
    }


@pytest.mark.parametrize(
    ("file_mode", "folder_mode", "words"),
    [
        (0o600, 0o700, []),
        (0o640, 0o755, ["others can read the profile file: chmod 600 {file}"]),
        (0o622, 0o755, ["others can change the profile file: chmod 600 {file}"]),
        (0o600, 0o775, ["others can replace the profile file: chmod go-w {folder}"]),
        (0o600, 0o1777, []),
    ],
)
def test_what_others_may_do_with_the_file_is_told(
    file: Path, file_mode: int, folder_mode: int, words: list[str]
) -> None:
    file.chmod(file_mode)
    file.parent.chmod(folder_mode)
    expected = [text.format(file=file, folder=file.parent) for text in words]
    assert list(store.permission_warnings(file)) == expected


# Several writers


def test_sixteen_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "respan-cli" / "config.toml"
    script = """
        print("ready", flush=True)
        sys.stdin.readline()
        for turn in range(4):
            edit(sys.argv[1], f"{sys.argv[2]}-{turn}", turn)
    """
    writers = [python(script, path, number) for number in range(16)]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [(writer.communicate()[1], writer.returncode) for writer in writers] == [("", 0)] * 16
    expected = {f"{number}-{turn}": turn for number in range(16) for turn in range(4)}
    assert tomllib.loads(path.read_text()) == expected
    assert names(path.parent) == {"config.toml", ".config.toml.lock"}


def test_a_folder_that_another_writer_makes_first_is_used_as_it_is(tmp_path: Path) -> None:
    script = """
        def be_quicker(event, args):
            folder = Path(args[0]) if event == "os.mkdir" else None
            if folder and not made:
                made.append(folder)
                folder.mkdir(mode=0o750)

        made = []
        sys.addaudithook(be_quicker)
        edit(sys.argv[1])
    """
    path = tmp_path / "respan-cli" / "config.toml"
    assert run(script, path) == (0, "", "")
    assert (path.read_text(), mode(path.parent)) == ("new = 1\n", 0o750)


class held_lock:  # noqa: N801, reads as the words it stands for
    """The lock of `path`, held by another open file, as another process would."""

    def __init__(self, path: Path) -> None:
        self.lock = path.with_name(f".{path.name}.lock")

    def __enter__(self) -> None:
        self.file = self.lock.open("w")
        self.file.write("process 42")
        self.file.flush()
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self.file.close()


def test_a_wait_without_end_becomes_an_error_that_names_the_holder(file: Path) -> None:
    with held_lock(file), pytest.raises(SettingsError, match=r"written by process 42$") as caught:
        store.edit(file, setting("new", 1), check=any_document, timeout_s=0)
    assert caught.value.hint == f"try again, or end it: it holds {file.parent / '.config.toml.lock'}"
    assert caught.value.retryable
    assert file.read_bytes() == OLD


def test_the_lock_names_the_process_that_holds_it(file: Path) -> None:
    (file.parent / ".config.toml.lock").write_text("process 1234567890")  # who held it before

    def change(_tables: dict[str, Any]) -> None:
        assert (file.parent / ".config.toml.lock").read_text() == f"process {os.getpid()}"
        with pytest.raises(SettingsError, match=f"process {os.getpid()}$"):
            store.edit(file, setting("new", 1), check=any_document, timeout_s=0)

    store.edit(file, change, check=any_document)


def test_ctrl_c_ends_the_wait(file: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def edit_and_be_interrupted() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        store.edit(file, setting("new", 1), check=any_document, timeout_s=3600)

    old = signal.signal(signal.SIGALRM, interrupt)
    try:
        with held_lock(file), pytest.raises(KeyboardInterrupt):
            edit_and_be_interrupted()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert file.read_bytes() == OLD


# When it goes wrong half way


@pytest.mark.parametrize("room", [0, 30, 50_000])
def test_a_full_disk_leaves_the_old_file_whole(file: Path, room: int) -> None:
    file.write_bytes(OLD + b"# mine\n")
    script = """
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
        try:
            edit(sys.argv[1], "new", "x" * 100_000)
        except SettingsError as error:
            print(error.message, error.reason, error.hint, sep="|")
    """
    out = run(script, file, room)[1]
    hint = "the file is as it was; RESPAN_CLI_CONFIG can name one elsewhere"
    assert out == f"cannot write {file}|File too large|{hint}\n"
    assert file.read_bytes() == OLD + b"# mine\n"
    assert names(file.parent) <= {"config.toml", "config.toml.bak", ".config.toml.lock"}


# Drops CAP_DAC_OVERRIDE from what the program it starts may have: permission bits then bind root too.
WITHOUT_ROOT_POWERS = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
@pytest.mark.parametrize("locked_before", [False, True])
def test_a_read_only_folder_leaves_the_old_file_whole(file: Path, locked_before: bool) -> None:
    if locked_before:
        (file.parent / ".config.toml.lock").touch()
    file.parent.chmod(0o555)
    script = """
        try:
            edit(sys.argv[1])
        except SettingsError as error:
            print(error.message, error.reason, sep="|")
    """
    try:
        out = run(script, file, before=(sys.executable, "-c", WITHOUT_ROOT_POWERS))[1]
    finally:
        file.parent.chmod(0o755)
    assert out == f"cannot write {file}|Permission denied\n"
    assert file.read_bytes() == OLD


def test_a_folder_that_cannot_be_made_is_an_error_with_the_reason(file: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        store.edit(file / "config.toml", setting("new", 1), check=any_document)
    assert caught.value.reason == "Not a directory"


def test_an_interrupt_before_the_rename_leaves_the_old_file_and_no_other(file: Path) -> None:
    script = """
        def interrupt(event, args):
            if event == "os.rename":
                print(Path(args[0]).stat().st_size > 0, flush=True)
                raise KeyboardInterrupt

        sys.addaudithook(interrupt)
        edit(sys.argv[1])
    """
    status, out, err = run(script, file)
    assert (status, out, err.splitlines()[-1]) == (-signal.SIGINT, "True\n", "KeyboardInterrupt")
    assert file.read_bytes() == OLD
    assert names(file.parent) == {"config.toml", ".config.toml.lock"}


def test_what_a_killed_writer_left_does_not_block_and_does_not_stay(file: Path) -> None:
    script = """
        sys.addaudithook(lambda event, args: event == "os.rename" and os.kill(os.getpid(), signal.SIGKILL))
        edit(sys.argv[1])
    """
    assert run(script, file)[0] == -signal.SIGKILL
    assert ".config.toml.new" in names(file.parent)
    assert file.read_bytes() == OLD
    edit(file)
    assert store.read(file).tables["new"] == 1
    assert names(file.parent) == {"config.toml", ".config.toml.lock"}


def test_file_and_folder_are_on_the_disk_before_and_after_the_rename(file: Path) -> None:
    script = """
        order = []

        def note(frame, event, function):
            if event == "c_call" and function in (os.fsync, os.replace):
                order.append(function.__name__)

        sys.setprofile(note)
        edit(sys.argv[1])
        sys.setprofile(None)
        print(*order)
    """
    assert run(script, file)[1:] == ("fsync replace fsync\n", "")


# A person's own text


def test_a_persons_own_text_is_kept_byte_for_byte(file: Path) -> None:
    text = b"# mine\r\n\r\nnew   = 1 # yours"
    store.replace_text(file, text, original=OLD, check=any_document)
    assert file.read_bytes() == text
    assert mode(file) == 0o600
    assert names(file.parent) == {"config.toml", ".config.toml.lock"}


def test_a_file_that_does_not_parse_can_be_fixed(file: Path) -> None:
    file.write_bytes(b"new = ")
    store.replace_text(file, b"new = 1", original=store.read_bytes(file), check=any_document)
    assert store.read(file).tables == {"new": 1}


def test_a_persons_text_that_does_not_parse_or_pass_replaces_nothing(file: Path) -> None:
    with pytest.raises(SettingsError, match="line 1, column 7"):
        store.replace_text(file, b"new = ", original=OLD, check=any_document)
    with pytest.raises(SettingsError, match="refused"):
        store.replace_text(file, b"new = 1", original=OLD, check=no_document)
    assert file.read_bytes() == OLD


def test_a_file_that_changed_meanwhile_is_not_replaced(file: Path) -> None:
    edit(file)
    changed = file.read_bytes()
    with pytest.raises(SettingsError, match="was changed by another program meanwhile"):
        store.replace_text(file, b"mine = 1", original=OLD, check=any_document)
    assert file.read_bytes() == changed


# Start-up


def test_finding_the_path_loads_no_toml_and_no_lock() -> None:
    script = """
        store.config_path(os.environ)
        print({"tomllib", "tomli_w", "fcntl", "tempfile", "platformdirs"} & set(sys.modules))
    """
    assert run(script)[1:] == ("set()\n", "")
