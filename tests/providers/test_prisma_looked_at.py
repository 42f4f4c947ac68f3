"""Migrations, fields and the compiler's complaints: judged from what is really there, told apart by codes."""

import hashlib

import pytest

from remediate.errors import CouldNotLook
from remediate.providers.prisma_checks import (
    HISTORY,
    HISTORY_THERE,
    Fields,
    Migrations,
    Standing,
    Valid,
    forms_in,
    standing_of,
)
from remediate.providers.typescript_compiler import TypescriptCompiles, read_complaints
from remediate.providers.typescript_tree import Tree, tree_answer
from remediate.questions import Answers, QueryAnswer, ReadAnswer, RunAnswer, Unanswered
from tests.laws.command import CommandTarget

BACKEND = "/srv/app/backend"
OLD = "model Project {\n  id String @id\n  name String\n}\n"
NEW = OLD.replace("name String", "name String\n  coverUrl String?\n  gone Int?")


def row(name: str, checksum: str = "a", *, finished: bool = True, undone: bool = False) -> dict[str, object]:
    return {"migration_name": name, "checksum": checksum, "finished": finished, "undone": undone}


@pytest.mark.parametrize(
    ("files", "history", "standing"),
    [
        ({}, [], Standing((), (), (), ())),
        ({"1": "a", "2": "b"}, [row("1")], Standing(("2",), (), (), ())),
        ({"1": "a"}, [row("1", finished=False)], Standing((), ("1",), (), ())),
        ({"1": "a"}, [row("1", finished=False, undone=True)], Standing(("1",), (), (), ())),
        ({"1": "a"}, [row("1", finished=False, undone=True), row("1")], Standing((), (), (), ())),
        ({"1": "b"}, [row("1")], Standing((), (), ("1",), ())),
        ({}, [row("1")], Standing((), (), (), ("1",))),
    ],
)
def test_migrations_are_pending_failed_edited_or_missing(files, history, standing):
    assert standing_of({name: (one,) for name, one in files.items()}, history) == standing


def migrations(listing: RunAnswer, history: object, *, there: bool = True):
    check = Migrations(folder="/m")
    known = QueryAnswer(columns=("there",), rows=((there,),))
    answers = Answers({check.listing: listing, HISTORY_THERE: known, HISTORY: history}, "web1")
    return check.judge(answers, answers)


def test_a_database_without_a_history_has_everything_pending():
    refused = Unanswered(reason="database: no such table")
    listing = RunAnswer(exit_code=0, stdout=b"a 1\nb 2 with space\n")
    finding = migrations(listing, refused, there=False)
    assert finding.facts["pending"] == ["1", "2 with space"]
    assert "no history" in finding.seen
    with pytest.raises(CouldNotLook):
        migrations(listing, refused)  # the table is there, and could not be read


@pytest.mark.parametrize("applied", [b"a\nb\n", b"a\r\nb\r\n"])
@pytest.mark.parametrize("there", [b"a\nb\n", b"a\r\nb\r\n", b"a\nb"])
def test_other_line_ends_are_no_edit(applied, there, tmp_path):
    (tmp_path / "1 a").mkdir()
    (tmp_path / "1 a/migration.sql").write_bytes(there)
    listing = Migrations(folder=str(tmp_path)).listing
    forms = forms_in(CommandTarget().answer([listing])[listing])
    assert forms["1 a"][0] == hashlib.sha256(there).hexdigest()
    edited = standing_of(forms, [row("1 a", hashlib.sha256(applied).hexdigest())]).edited
    assert edited == (("1 a",) if there == b"a\nb" else ())


def test_a_host_without_the_migrations_blocks_instead_of_passing():
    with pytest.raises(CouldNotLook, match="no such folder"):
        migrations(RunAnswer(exit_code=3), QueryAnswer(columns=(), rows=()))


def fields(schema: str, generated: str | None, code: str):
    check = Fields(backend=BACKEND, schema_file="/s", client="/c")
    one, other, tree = check.ask()
    answers = Answers(
        {
            one: ReadAnswer(exists=True, content=schema.encode()),
            other: ReadAnswer(exists=generated is not None, content=(generated or "").encode()),
            tree: tree_answer(Tree(check.tree, {"a.ts": b"", "b.ts": code.encode()})),
        }
    )
    return check.judge(answers, answers)


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("db.project.create({\n  data: { coverUrl: null } })", 2),
        ("const { coverUrl } = project", 1),
        ("show(project.coverUrl)", 1),
        ("db.project.create({ data: { coverUrl } })", 1),
        ("// coverUrl\nconst coverUrl = 'coverUrl'", 0),
        ("db.project.create({ data: { name: '' } })", 0),
    ],
)
def test_a_field_that_only_the_schema_has_counts_where_the_code_names_it(code, line):
    finding = fields(NEW, OLD, code)
    assert [one["line"] for one in finding.facts["unknown"]] == [line] * bool(line)
    assert finding.healthy is (line == 0)


def test_a_client_of_this_schema_or_none_at_all_lacks_no_field():
    assert fields(NEW, NEW, "a.coverUrl").healthy
    assert fields(NEW, None, "a.coverUrl").healthy
    assert fields(OLD, NEW, "a.coverUrl").healthy


def complaints(text: str, exit_code: int = 2):
    return read_complaints(BACKEND, RunAnswer(exit_code=exit_code, stdout=text.encode()))


def test_what_tsc_refuses_is_told_by_file_line_and_code():
    one, other = complaints(
        "src/a b.ts(3,10): error TS2614: Module '\"x\"' has no (exported) member.\n"
        "  Did you mean something else?\nerror TS5108: Option gone.\nFound 2 errors.\n"
    )
    assert (one.file, one.line, one.column, one.code) == ("src/a b.ts", 3, 10, "TS2614")
    assert (other.file, other.line, other.code, other.message) == ("", 0, "TS5108", "Option gone.")
    (group,) = complaints("src/(auth)/[id](1,2)/login.ts(3,5): error TS2353: x (1,1): error TS1: y\n")
    assert (group.file, group.line, group.column, group.code) == (
        "src/(auth)/[id](1,2)/login.ts",
        3,
        5,
        "TS2353",
    )


@pytest.mark.parametrize(("code", "match"), [(91, "no node_modules"), (124, "too long"), (1, "exit code 1")])
def test_a_compiler_that_cannot_be_asked_blocks_instead_of_passing(code, match):
    with pytest.raises(CouldNotLook, match=match):
        complaints("Segmentation fault", code)


def test_codes_narrow_what_counts():
    text = RunAnswer(exit_code=2, stdout=b"src/a.ts(1,1): error TS2353: x\nsrc/b.ts(1,1): error TS2614: y\n")
    for codes, count in (([], 2), (["TS2353"], 1), (["TS1"], 0)):
        check = TypescriptCompiles(backend=BACKEND, codes=codes)
        answers = Answers({check.question: text})
        finding = check.judge(answers, answers)
        assert (finding.healthy, len(finding.facts["errors"])) == (not count, count)


@pytest.mark.parametrize(
    ("exit_code", "said", "healthy"),
    [(0, b"The schema is valid", True), (1, b'Error code: P1012\nerror: Type "X" is no type\n', False)],
)
def test_a_schema_is_valid_by_prismas_own_code(exit_code, said, healthy):
    check = Valid(backend=BACKEND, schema_file="/s")
    answers = Answers({check.question: RunAnswer(exit_code=exit_code, stdout=said)})
    assert check.judge(answers, answers).healthy is healthy


@pytest.mark.parametrize(
    "answer",
    [
        RunAnswer(exit_code=91),
        RunAnswer(exit_code=1, stdout=b"request failed"),
        RunAnswer(
            exit_code=1, stdout=b"Error code: P1012\nerror: Environment variable not found: DATABASE_URL.\n"
        ),
    ],
)
def test_a_validator_that_cannot_start_says_nothing_of_the_schema(answer):
    check = Valid(backend=BACKEND, schema_file="/s")
    with pytest.raises(CouldNotLook):
        check.judge(Answers({check.question: answer}), Answers({check.question: answer}))
