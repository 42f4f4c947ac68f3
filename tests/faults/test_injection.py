"""Any text arrives on a real host as it is: as an argument, a path, a file's content, a variable, a value."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remediate.catalogue import CATALOGUE
from remediate.cli.app import run
from remediate.errors import Failed, UsageError
from remediate.playbook import Playbook, load_playbook
from remediate.questions import Read, ReadAnswer, Run, Unanswered
from remediate.target import Job
from remediate.text.templates import read_template
from remediate.transport.host import SshTarget
from remediate.transport.settings import SshSettings
from remediate.transport.trips import Trips
from tests.nasty import CORPUS, many, nasty
from tests.practice import Practice

Count = Callable[[str, int, int], None]
LIMITS = settings(
    max_examples=3, deadline=None, database=None, suppress_health_check=[*HealthCheck], print_blob=False
)
ECHO = """for each; do printf '%s\\0' "$each"; done"""
FOLDER = "/home/deploy/injection"
BOOK = """
name: any-text
title: Any text
on: light
vars:
  text: {type: str, default: x}
  table: {type: identifier, default: x}
  place: {type: path, default: x}
diagnose:
  - name: it is there
    files.contains: {path: a, root: /home/deploy/injection, text: "{{ text }}", absent: true}
fix:
  - name: replace it
    files.replace: {path: a, root: /home/deploy/injection, find: "{{ text }}", replace_with: "<{{ text }}>"}
verify:
  - name: it is gone
    files.contains: {path: a, root: /home/deploy/injection, text: "{{ vars.text }}", absent: true}
"""


REFUSED = {chr(code) for code in (*range(9), *range(11, 32), 127)}
"""No text of a command line may hold these."""


@pytest.fixture(scope="module")
def way_in(practice: Practice) -> SshSettings:
    known = practice.status()
    return SshSettings(
        name="light1",
        address=practice.address("light1"),
        port=known["port"],
        user=known["deploy"],
        identity=Path(known["identity"]),
        known_hosts=Path(known["known_hosts"]),
    )


@pytest.fixture(scope="module")
def light(practice: Practice, way_in: SshSettings) -> Iterator[SshTarget]:
    practice.on("light1", "mkdir", "-p", FOLDER)
    target = SshTarget(way_in, app="injection", secrets={}, trips=Trips())
    yield target
    target.close()
    assert "owned" not in practice.shell("light1", "ls /tmp"), "a text was run"
    practice.on("light1", "rm", "-r", FOLDER)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Playbook:
    path = tmp_path_factory.mktemp("books") / "any-text.yml"
    path.write_text(BOOK)
    return load_playbook(path, CATALOGUE)


def came(texts: list[str], output: bytes) -> list[str]:
    """Return the texts that did not come back, byte for byte."""
    back = output.split(b"\0")[:-1]
    assert len(back) == len(texts)
    return [text for text, bare in zip(texts, back, strict=True) if text.encode() != bare]


@pytest.mark.fault(23)
def test_any_text_arrives_unchanged_as_an_argument_of_a_question_and_of_a_job(
    light: SshTarget, count: Count
) -> None:
    tried: list[int] = []

    @LIMITS
    @given(many)
    def arrives(texts: list[str]) -> None:
        question = Run(script=ECHO, args=tuple(texts))
        assert not came(texts, light.answer([question])[question].stdout)
        job = light.scoped(f"injection/{len(tried)}").run(Job(script=ECHO, args=tuple(texts), doing=texts[0]))
        assert not came(texts, job.stdout)
        tried.append(2 * len(texts))

    arrives()
    light.forget("injection/")
    count("injection strings", sum(tried), sum(tried))


@pytest.mark.fault(23)
def test_any_text_arrives_unchanged_as_a_path_and_as_what_is_in_a_file(
    light: SshTarget, count: Count
) -> None:
    tried: list[int] = []

    @LIMITS
    @given(many)
    def arrives(texts: list[str]) -> None:
        names = sorted({text.replace("/", "_")[:60] for text in texts} - {"", ".", ".."})
        made = Run(
            script=f"""cd {FOLDER} && for each; do printf %s "$each" >"./$each"; done""", args=tuple(names)
        )
        assert light.answer([made])[made].exit_code == 0
        looks = {name: Read(path=f"{FOLDER}/{name}") for name in names}
        seen = light.answer(looks.values())
        assert not [name for name in names if seen[looks[name]].content != name.encode()]
        content, kept = "\n".join(texts).encode(), Read(path=f"{FOLDER}/content of 'all'\n$(x)")
        light.write(kept.path, content, expect=light.answer([kept])[kept])
        assert light.answer([kept])[kept].content == content
        tried.append(len(names) + len(texts))

    arrives()
    count("injection strings", sum(tried), sum(tried))


@pytest.mark.fault(23)
def test_a_file_of_any_name_is_replaced_and_deleted(light: SshTarget, count: Count) -> None:
    names = [text.replace("/", "_")[:60] for text in CORPUS if text and len(text) < 200][::3]
    for name in names:
        path = f"{FOLDER}/of {name}"
        light.write(path, b"1", expect=ReadAnswer(exists=False))
        seen = light.answer([Read(path=path)])[Read(path=path)]
        light.delete(path, expect=seen)
        assert not light.answer([Read(path=path)])[Read(path=path)].exists
    count("injection strings", len(names), len(names))


@pytest.mark.fault(23)
def test_any_text_arrives_unchanged_as_a_variable_of_the_environment(
    way_in: SshSettings, count: Count
) -> None:
    values = [text for text in CORPUS if len(text) < 200]
    env = {f"V{number}": value for number, value in enumerate(values)}
    target = SshTarget(
        SshSettings(**{**vars(way_in), "env": env}), app="injection", secrets={}, trips=Trips()
    )
    try:
        question = Run(script="""for each; do eval "printf '%s\\0' \\"\\$$each\\""; done""", args=tuple(env))
        assert not came(values, target.answer([question])[question].stdout)
    finally:
        target.close()
    count("injection strings", len(values), len(values))


@pytest.mark.fault(23)
def test_what_no_argument_can_hold_is_refused_and_nothing_is_sent(light: SshTarget) -> None:
    trips = light.trips.shell, light.trips.jobs
    for text in ("a\0b", "x" * 131_072):
        question = Run(script=ECHO, args=(text,))
        assert isinstance(light.answer([question]).raw(question), Unanswered)
        with pytest.raises(Failed, match="cannot be begun"):
            light.scoped("injection/refused").run(Job(script=ECHO, args=(text,)))
    assert isinstance(light.answer([Read(path="/srv/a\0b")]).raw(Read(path="/srv/a\0b")), Unanswered)
    with pytest.raises(Failed, match="no absolute path"):
        light.write("/srv/a\0b", b"", expect=ReadAnswer(exists=False))
    assert (light.trips.shell, light.trips.jobs) == trips


@pytest.mark.fault(22)
def test_any_text_of_the_command_line_arrives_in_a_step_unchanged_or_is_refused(
    book: Playbook, count: Count
) -> None:
    tried: list[str] = []

    @settings(max_examples=300, deadline=None, database=None)
    @given(nasty)
    def arrives(text: str) -> None:
        tried.append(text)
        if set(text) & REFUSED:
            with pytest.raises(UsageError, match=r"--var text: must be text without control characters\Z"):
                book.scope({}, {"text": text})
            return
        scope = book.scope({}, {"text": text})
        if not text:  # nothing cannot be replaced
            return
        (fix,) = book.fixes(scope, {})
        assert (fix.action.find, fix.action.replace_with) == (text, f"<{text}>")
        assert book.checks(scope)[0].check.text == text
        assert book.verifying(scope, {})[0].check.text == text

    arrives()
    count("injection strings", len(tried), len(tried))


@pytest.mark.fault(22)
@pytest.mark.parametrize("text", [one for one in CORPUS if "{" in one])
def test_a_variable_that_looks_like_a_template_is_found_on_the_host_as_it_is(
    light: SshTarget, book: Playbook, text: str
) -> None:
    fix = book.fixes(book.scope({}, {"text": text}), {})[0]
    path = Read(path=f"{FOLDER}/a")
    light.write(path.path, f"1{text}2".encode(), expect=light.answer([path])[path])
    for change in fix.action.plan(light.answer(fix.action.ask())):
        fix.action.apply(light.scoped("injection/template"), change)
    seen = light.answer([path])[path]
    light.delete(path.path, expect=seen)
    assert seen.text == f"1<{text}>2"


@pytest.mark.fault(22)
@pytest.mark.fault(24)
def test_a_typed_variable_refuses_what_is_not_of_its_type(book: Playbook, count: Count) -> None:
    tried = 0
    for text in CORPUS:
        if not text.isidentifier() or not text.isascii():
            with pytest.raises(UsageError, match="must be a name as SQL has it"):
                book.scope({}, {"table": text})
            tried += 1
    for text in ("../x", "a/../../etc/passwd", "a\0b", "a\nb", "", "x" * 5000):
        with pytest.raises(UsageError, match="must be a path"):
            book.scope({}, {"place": text})
    count("injection strings", tried, tried)


@pytest.mark.fault(22)
@settings(max_examples=30, deadline=None)
@given(st.text("{}%#'\"ab.|()[]* ~+-", max_size=30))
def test_a_template_is_rendered_once_and_what_it_yields_is_never_one(text: str) -> None:
    assert read_template("{{ x }}{{ x }}", {"x": None}).render({"x": text}) == text * 2


BOMBS = (
    "{{ 'a' * 500000000 }}",
    "{{ range(10 ** 9) | list }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}{{ os }}",
    "{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}",
    "{{ " + "[" * 900 + "]" * 900 + " }}",
    "{{ text " + "| join('xxxxxxxxxx') " * 150 + "}}",
    "{% for a in range(9999999) %}{% for b in range(9999999) %}x{% endfor %}{% endfor %}",
    "{{ lipsum(n=9999999) }}",
    "{{ text | attr('__class__') }}",
    "{{ 10 ** 10 ** 10 }}",
    "{{ '%999999999d' % 1 }}",
)


@pytest.mark.fault(22)
@pytest.mark.parametrize("bomb", BOMBS, ids=range(len(BOMBS)))
def test_a_template_that_is_a_bomb_is_refused_in_one_line_with_its_place(
    bomb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "any-text.yml"
    path.write_text(BOOK.replace('"<{{ text }}>"', repr(bomb) if '"' in bomb else f'"{bomb}"'))
    assert run(["check", str(path)]) == 2
    said = capsys.readouterr()
    (line,) = (said.out + said.err).splitlines()
    assert line.startswith(f"{path}:14:")
    assert len(line) < 6000
