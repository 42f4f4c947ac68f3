import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as any_

from remediate.text.rendered import LARGEST
from remediate.text.templates import TemplateFault, is_template, read_template

NAMES = {"found": frozenset({"columns"}), "app": None, "table": None, "big": None, "result": None}
SCOPE: dict[str, Any] = {
    "found": {"columns": {"missing": [{"name": "a"}, {"name": "b"}], "items": [1], "none": None}},
    "app": {"name": "lumiku", "port": 3000, "on": True},
    "table": "avatars",
    "big": ["x" * 1000] * 1000,
    "result": 7,
}


def rendered(text: str) -> Any:
    return read_template(text, NAMES).render(SCOPE)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ found.columns.missing }}", [{"name": "a"}, {"name": "b"}]),
        ("{{ app.port }}", 3000),
        ("{{ app.on }}", True),
        ("{{ found.columns.none }}", None),
        ("{{ result }}", 7),
        ("port {{ app.port }} {{ app.on }}", "port 3000 true"),
        ("a\n{{ table }}\n", "a\navatars\n"),
        ("{{ found.columns.items }}", [1]),
        ("{{ found.columns['missing'][1].name }}", "b"),
        ("{{ found.columns.missing | map(attribute='name') | join(', ') }}", "a, b"),
        ("{{ found.columns.missing | length }}", 2),
        ("{{ app.none | default(3) }}", 3),
        ("{{ app.none is defined }}", False),
        ("{{ 'x' if app.port == 3000 and not app.on else 'y' }}", "y"),
        ("{{ [3, 1, 3] | unique | sort | first }}", 1),
        ("{{ ' Ab ' | trim | upper | lower }}", "ab"),
        ("{{ '7' | int }}", 7),
        ("{{ [table, {'p': app.port}] }}", ["avatars", {"p": 3000}]),
        ("no template", "no template"),
    ],
)
def test_a_template_yields_the_value_itself_and_text_within_text(text: str, value: object) -> None:
    got = rendered(text)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'a' * 500000000 }}",
        "{{ 10 ** 10 ** 10 }}",
        "{{ '%0500000000d' % 1 }}",
        "{{ 'a' ~ 'b' }}",
        "{{ 1 + 1 }}",
        "{{ range(1000000) }}",
        "{{ range }}",
        "{{ lipsum() }}",
        "{{ table.upper() }}",
        "{{ table.__class__.__mro__ }}",
        "{{ table['__class__'] }}",
        "{{ app.items }}",
        "{{ app | attr('items') }}",
        "{{ table | format }}",
        "{{ table | replace('a', 'b') }}",
        "{{ table | pprint }}",
        "{{ 3 is divisibleby 3 }}",
        "{{ big[1:3] }}",
        "{{ self }}",
        "{{ cycler }}",
        "{% for x in big %}{{ x }}{% endfor %}",
        "{% set x = 1 %}",
        "{% include '/etc/passwd' %}",
        "{{ " + "(" * 1500 + "1" + ")" * 1500 + " }}",
        "{{ " + "not " * 900 + "1 }}",
        "{{ " + "[" * 40 + "]" * 40 + " }}",
        "x" * 5000 + "{{ table }}",
        "{{ table",
        "{{ }}",
    ],
)
def test_what_computes_calls_or_reaches_out_is_refused(text: str) -> None:
    begun = time.monotonic()
    with pytest.raises(TemplateFault):
        rendered(text)
    assert time.monotonic() - begun < 0.5


@pytest.mark.parametrize(
    "text",
    [
        "{{ big | join('') }}" * 2,
        "{{ big | join('" + "y" * 100 + "') }}",
        "{{ [big, big, big] }}",
        "{{ [" + "big, " * 700 + "] }}",
        "{{ " + "[1, 2, 3] | join('xxxxxxxxxx')" + " | join('xxxxxxxxxx')" * 90 + " }}",
    ],
)
def test_a_result_that_grows_too_large_is_refused_quickly(text: str) -> None:
    begun = time.monotonic()
    with pytest.raises(TemplateFault):
        rendered(text)
    assert time.monotonic() - begun < 0.5
    assert LARGEST == 1024 * 1024


def test_a_join_that_would_be_too_large_is_not_even_begun() -> None:
    template = read_template("{{ big | join('" + "y" * 3000 + "') }}", NAMES)
    tracemalloc.start()
    with pytest.raises(TemplateFault, match="would come to more than"):
        template.render({"big": ["x"] * 100_000})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


@pytest.mark.parametrize(
    ("text", "what", "todo"),
    [
        ("{{ tabel }}", "`tabel` is not known here", "did you mean `table`?"),
        ("{{ found.colums.x }}", "`found` has no `colums`", "did you mean `columns`?"),
        ("{{ app.prt }}", "`app` has no `prt`", "did you mean `port`?"),
        ("x {{ [app.prt] }}", "`app` has no `prt`", "did you mean `port`?"),
        ("{{ found.columns.mising | length }}", "`found.columns` has no `mising`", "did you mean `missing`?"),
        ("{{ table | uper }}", "there is no filter `uper`", "did you mean `upper`?"),
        (
            "x {{ found.columns.missing }}",
            "does not fit its values (a list or mapping within text",
            "check the names",
        ),
    ],
)
def test_a_wrong_name_is_told_with_the_nearest_one(text: str, what: str, todo: str) -> None:
    with pytest.raises(TemplateFault) as caught:
        rendered(text)
    assert what in caught.value.what
    assert todo in caught.value.todo


def test_the_names_of_a_template_are_known_before_it_is_rendered() -> None:
    assert read_template("{{ found.columns }} {{ table }}", NAMES).names == {"found", "table"}
    assert not is_template("a { b } c")
    assert is_template("{{ x }}")


@settings(max_examples=40, deadline=None)
@given(any_.lists(any_.none() | any_.booleans() | any_.integers() | any_.text() | any_.lists(any_.text())))
def test_any_value_comes_through_a_whole_template_unchanged(value: object) -> None:
    assert read_template("{{ x }}", {"x": None}).render({"x": value}) == value


@settings(max_examples=40, deadline=None)
@given(any_.text())
def test_any_text_comes_through_a_mixed_template_unchanged(text: str) -> None:
    assert read_template("a {{ x }} b", {"x": None}).render({"x": text}) == f"a {text} b"
