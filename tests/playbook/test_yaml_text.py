from pathlib import Path

import pytest

from remediate.errors import InventoryError, PlaybookError
from remediate.text.strict_yaml import parse_yaml, read_yaml


def read(text: str) -> object:
    return parse_yaml(text, Path("x.yml"), PlaybookError).value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on: yes\noff: no", {"on": "yes", "off": "no"}),
        ("port: 22:22", {"port": "22:22"}),
        ("a: [1, -2, 1.5, 1e3, true, null, ~, x]", {"a": [1, -2, 1.5, 1000.0, True, None, None, "x"]}),
        ("a: ['1', \"true\", '~']", {"a": ["1", "true", "~"]}),
        ("a: 0x1F\nb: 0o17\nc: 0", {"a": 31, "b": 15, "c": 0}),
        ("a: |\n  x\n  y\nb: >-\n  x\n  y", {"a": "x\ny\n", "b": "x y"}),
        ("a:\nb:", {"a": None, "b": None}),
        ("2026-11-22: 2026-11-22", {"2026-11-22": "2026-11-22"}),
        ("1: a\ntrue: b", {"1": "a", "true": "b"}),
        ("%YAML 1.1\n---\na: yes", {"a": "yes"}),
        ("a: 1e999", {"a": "1e999"}),
        ("", None),
    ],
)
def test_yaml_means_what_version_1_2_says(text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "x.yml:3:1: `a` was already given in line 1; keep one of the two"),
        ("a: &x 1", "x.yml:1:4: anchors and aliases are not taken"),
        ("a: *x", "x.yml:1:4: anchors and aliases are not taken"),
        ("a: !!python/object:os.system x", "x.yml:1:4: the tag"),
        ("a: !vault x", "x.yml:1:4: the tag"),
        ("mode: 0640", "x.yml:1:7: `0640` is read in two ways; put it in quotes, or drop the zero"),
        ("n: 12345678901234567890", "is read in two ways"),
        ("n: .inf", "is read in two ways"),
        ("a: {{ table }}", "x.yml:1:5: a key must be plain text; a template must be in quotes"),
        ("a: 1\n---\nb: 2", "x.yml:2:1: a second document begins here"),
        ("a: [1", "x.yml:1:6: this is not YAML"),
        ("a:\n\tb: 1", "x.yml:2:1: this is not YAML"),
        ("a: \x01", "holds characters that YAML forbids"),
        ("[" * 500, "is nested deeper than 32 levels"),
        ("a: " + "x" * 300_000, "is larger than 256 KB"),
    ],
)
def test_what_can_be_misread_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(PlaybookError) as caught:
        read(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_value_and_key_remembers_where_it_stands() -> None:
    document = parse_yaml("a:\n  - b: 1\n    c: [x, y]\n", Path("x.yml"), PlaybookError)
    assert document.where(("a", 0, "c", 1)) == "x.yml:3:12"
    assert document.where(("a", 0, "c"), key=True) == "x.yml:3:5"
    assert document.where(("a", 0, "never", "written")) == "x.yml:2:5"


def test_a_file_that_cannot_be_read_is_the_right_error(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="cannot be read"):
        read_yaml(tmp_path / "none.yml", InventoryError)
    (tmp_path / "latin.yml").write_bytes(b"a: caf\xe9")
    with pytest.raises(InventoryError, match="byte 6 is not UTF-8"):
        read_yaml(tmp_path / "latin.yml", InventoryError)
