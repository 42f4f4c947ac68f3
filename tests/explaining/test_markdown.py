"""What a playbook says stays text on its page: no element, heading, link or mention; and code stays code."""

import re
from pathlib import Path

import pytest

from remediate.catalogue import CATALOGUE
from remediate.explaining import explain
from remediate.lint.examples import whole
from remediate.playbook import load_playbook
from remediate.sinks.explanation_markdown import explanation_markdown
from remediate.sinks.markdown import prose


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r"pwn \`<img src=x>`", "pwn &#92;`<img src=x>`"),
        ("pwn ` <img src=x>", "pwn &#96; &#60;img src=x&#62;"),
        ("`` a ` b `<img>`", "&#96;&#96; a ` b `&#60;img&#62;&#96;"),
        ("# Approved", "&#35;&#8203; Approved"),
        ("ask @team, see #12", "ask &#64;&#8203;team, see &#35;&#8203;12"),
        ("- one", "&#45; one"),
        ("1. one", "&#49;&#46; one"),
        ("[x](https://evil.example)", "&#91;x&#93;(https&#58;//evil.example)"),
        ("a *b* _c_ ~d~ | &lt;", "a &#42;b&#42; &#95;c&#95; &#126;d&#126; | &#38;lt;"),
        ("www.evil.example", "www&#46;evil.example"),
        ("a `b <c> @d` e - f & g_h.", "a `b <c> @d` e - f & g_h."),
    ],
)
def test_prose_means_nothing_but_its_code(text: str, shown: str) -> None:
    assert prose(text) == shown


def test_no_element_heading_or_mention_of_a_playbook_gets_onto_its_page(tmp_path: Path) -> None:
    bad = r"# pwn \`<img src=x>` @team"
    path = tmp_path / "example.yml"
    text = whole(f"title: '{bad}'\nnotes: '{bad}'\nconfirm: {{say: '{bad}', risk: data}}\n")
    path.write_text(text.replace("name: restart", f"name: '{bad}'"))
    page = explanation_markdown(explain(load_playbook(path, CATALOGUE)))
    live = re.sub(r"`[^`]*`", "", page)
    assert page.count("&#92;`<img src=x>`") == 4
    assert "<img" not in live
    assert "@team" not in live
    assert "# pwn" not in page
