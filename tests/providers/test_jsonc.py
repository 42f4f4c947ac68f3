"""JSON with comments read and edited: what was said stays said, and nothing but the key is touched."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediate.providers.jsonc import NotJson, parsed, value_at, with_value, without

TSCONFIG = """\ufeff// the backend's
{
    /* what Node can load */
    "compilerOptions": {
        "module": "esnext", // once
        "paths": {"a//b": ["/*"]},
    },
    "include": ["src"] // all
}
"""
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=4)
LAYOUTS = st.sampled_from([{}, {"indent": 2}, {"indent": "\t"}, {"separators": (",", ":")}])


@given(VALUES, LAYOUTS)
def test_what_is_plain_json_is_read_as_json_reads_it(value, layout):
    text = json.dumps(value, **layout)
    assert parsed(text).value == parsed(text, plain=True).value == value


@given(OBJECTS, st.lists(st.text(), min_size=1, max_size=3), VALUES, LAYOUTS)
def test_a_key_that_was_set_is_there_and_all_others_are_as_they_were(before, keys, value, layout):
    text = json.dumps(before, **layout)
    try:
        after = with_value(text, keys, value)
    except NotJson:
        return  # something that is no object stands on the way
    assert value_at(after, keys) == value
    assert with_value(after, keys, value) == after
    others = {key: one for key, one in json.loads(after).items() if key != keys[0]}
    assert others == {key: one for key, one in before.items() if key != keys[0]}


@given(OBJECTS, st.data(), LAYOUTS)
def test_a_key_that_was_removed_is_gone_and_all_others_are_as_they_were(before, data, layout):
    text = json.dumps(before, **layout)
    key = data.draw(st.sampled_from(sorted(before)) if before else st.text())
    after = without(text, [key])
    assert json.loads(after) == {name: one for name, one in before.items() if name != key}


def test_comments_layout_and_trailing_commas_stay():
    after = with_value(TSCONFIG, ["compilerOptions", "module"], "commonjs")
    assert after == TSCONFIG.replace("esnext", "commonjs")
    added = with_value(TSCONFIG, ["compilerOptions", "strict"], value=True)
    assert added == TSCONFIG.replace('["/*"]},\n', '["/*"]},\n        "strict": true,\n')
    last = with_value(TSCONFIG, ["files"], ["a"])
    assert last.replace(',\n    "files": [\n        "a"\n    ]', "") == TSCONFIG
    removed = without(TSCONFIG, ["compilerOptions", "paths"])
    assert removed == TSCONFIG.replace('        "paths": {"a//b": ["/*"]},\n', "")
    assert without(TSCONFIG, ["include"]) == TSCONFIG.replace(
        '},\n    "include": ["src"] // all', "}\n     // all"
    )


def test_a_key_that_is_written_twice_is_set_where_it_counts_and_removed_everywhere():
    twice = '{"a": 1, "b": 2, "a": 3}'
    assert value_at(twice, ["a"]) == 3
    assert with_value(twice, ["a"], 4) == '{"a": 1, "b": 2, "a": 4}'
    assert json.loads(without(twice, ["a"])) == {"b": 2}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ('{\n"a": }', 2),
        ('{"a": 1}\n}', 2),
        ("{a: 1}", 1),
        ('{"a": 1 "b": 2}', 1),
        ("[1, 2", 1),
        ('{"a": "\n"}', 1),
        ("/* never closed\n{}", 1),
        ("[" * 5000, 1),
        ("{,}", 1),
    ],
)
def test_what_is_none_is_refused_with_its_line(text, line):
    with pytest.raises(NotJson) as error:
        parsed(text)
    assert error.value.line == line


def test_package_json_may_have_no_comments():
    for text in ("{} // no", '{"a": 1,}'):
        parsed(text)
        with pytest.raises(NotJson):
            parsed(text, plain=True)


def test_what_is_no_object_has_no_keys():
    with pytest.raises(NotJson):
        with_value('{"a": [1]}', ["a", "b"], 1)
    assert without('{"b": 1}', ["a", "c"]) == '{"b": 1}'
    assert value_at('{"a": 1}', ["a", "b"]) is None
