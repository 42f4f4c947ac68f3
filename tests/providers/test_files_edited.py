"""Lines, JSON keys and things in the way: what is kept, what is refused, and what is never deleted."""

import json

import pytest
from pydantic import ValidationError

from remediate.errors import Conflict, CouldNotLook, Failed
from remediate.providers.files_aside import FilesAbsent
from remediate.providers.files_form import FilesParses, FilesUnchanged
from remediate.providers.files_text import FilesJsonSet, FilesLine
from remediate.questions import Answers, Read, ReadAnswer
from tests.laws.command import CommandTarget
from tests.laws.laws import carry_out, planned


def lined(content: bytes, **wish: object) -> bytes:
    return FilesLine(path="x", root="/srv", line="new", **wish).after(content)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b"new\n"),
        (b"one", b"one\nnew\n"),
        (b"one\r\ntwo\r\n", b"one\r\ntwo\r\nnew\r\n"),
        (b"new", b"new"),
        (b"new\nold\nnew\n", b"new\nold\n"),
        (b" new\nnewer\n", b" new\nnewer\nnew\n"),
        (b"\xff\xfe\n", b"\xff\xfe\nnew\n"),
    ],
)
def test_a_line_is_there_exactly_once(before, after):
    assert lined(before) == after
    assert lined(after) == after


def test_a_new_line_goes_behind_the_last_of_another():
    assert lined(b"a\nb\na\nc", behind="a") == b"a\nb\na\nnew\nc\n"
    with pytest.raises(Failed, match="not in it"):
        lined(b"b\n", behind="a")


def test_every_such_line_goes_where_it_must_not_be():
    assert lined(b"new\r\nold\r\nnew", absent=True) == b"old\r\n"
    with pytest.raises(ValidationError):
        FilesLine(path="x", root="/srv", line="two\nlines")


def test_a_file_that_is_no_json_is_not_edited():
    action = FilesJsonSet(path="x", root="/srv", key=["a"], value=1)
    for broken in (b"{", b"\xff", b"[1]"):
        with pytest.raises(Failed):
            action.after(broken)
    assert json.loads(action.after(b"{}")) == {"a": 1}
    commented = b'{"a": 0, // or 1\n}'
    assert action.after(commented) == commented.replace(b"0", b"1")
    with pytest.raises(Failed):
        FilesJsonSet(path="backend/package.json", root="/srv", key=["a"], value=1).after(commented)
    with pytest.raises(ValidationError):
        FilesJsonSet(path="x", root="/srv", key=["a"], value=1, absent=True)


@pytest.mark.parametrize("path", [".", "../outside", "link", "link/inside", "../app/../outside"])
def test_nothing_outside_the_root_or_through_a_link_is_moved(path, tmp_path):
    root = tmp_path / "app"
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "inside").touch()
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "outside")
    with pytest.raises((Failed, ValidationError)):
        planned(FilesAbsent(path=path, root=str(root)), CommandTarget())


def test_what_is_moved_aside_is_whole_and_comes_back_unless_its_place_is_taken(tmp_path):
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "file").write_text("kept")
    action = FilesAbsent(path="dir", root=str(tmp_path))
    undos = []
    carry_out(action, CommandTarget(), undos)
    (kept,) = tmp_path.iterdir()
    assert kept.name.startswith(".dir.remediate-")
    assert (kept / "file").read_text() == "kept"
    (tmp_path / "dir").mkdir()
    with pytest.raises(Conflict, match="taken its place"):
        action.undo(CommandTarget(), undos[0])
    (tmp_path / "dir").rmdir()
    for _ in range(2):
        action.undo(CommandTarget(), undos[0])
    assert [one.name for one in tmp_path.iterdir()] == ["dir"]


def seen(check: FilesParses | FilesUnchanged, *answers: bytes | None, first: bytes | None = None):
    def told(content: bytes | None) -> ReadAnswer:
        return ReadAnswer(exists=content is not None, content=content or b"")

    now = Answers({question: told(one) for question, one in zip(check.ask(), answers, strict=True)})
    then = Answers(dict.fromkeys(check.ask(), told(first))) if first is not None else now
    return check.judge(then, now)


@pytest.mark.parametrize(
    ("path", "content", "line"),
    [
        ("a.json", b'{"a": 1}', 0),
        ("a.json", b"{} // no", 1),
        ("tsconfig.build.json", b"{\n // yes\n}", 0),
        ("a.jsonc", b"{\n,}", 2),
        ("a.ts", b"const a: number = 1\nexport default a", 0),
        ("a.ts", b"const a = 1\nfoo(", 2),
        ("a.ts", b"export function a() {\n  return 1\n", 2),
        ("a.d.ts", b'declare module "a" {\n  import { b } from "c";\n  global {\n    let c: 1;\n  }\n}\n', 0),
        ("a.tsx", b"const a = <b>text</b>", 0),
        ("a.js", b"\xff", 1),
    ],
)
def test_a_file_is_read_as_what_its_name_says(path, content, line):
    finding = seen(FilesParses(path=path, root="/srv"), content)
    assert (finding.healthy, finding.facts["line"]) == (line == 0, line), finding.seen


def test_a_file_without_a_form_or_that_is_not_there_is_told():
    assert not seen(FilesParses(path="a.json", root="/srv"), None).healthy
    assert seen(FilesParses(path="a", root="/srv", form="json"), b"1").healthy
    with pytest.raises(CouldNotLook, match="give `form`"):
        seen(FilesParses(path="a", root="/srv"), b"")


def test_a_file_is_what_it_was_or_what_another_is():
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert seen(FilesUnchanged(path="a", root="/srv", sha256=empty), b"").healthy
    assert not seen(FilesUnchanged(path="a", root="/srv", sha256=empty), b"x").healthy
    assert seen(FilesUnchanged(path="a", root="/srv", like="b"), b"x", b"x").healthy
    assert not seen(FilesUnchanged(path="a", root="/srv", like="b"), b"x", None).healthy
    assert not seen(FilesUnchanged(path="a", root="/srv"), b"x", first=b"y").healthy
    assert not seen(FilesUnchanged(path="a", root="/srv"), None).healthy
    assert seen(FilesUnchanged(path="a", root="/srv"), b"x").healthy
    assert FilesUnchanged(path="a", root="/srv").ask() == (Read(path="/srv/a"),)
