"""The page of each playbook that is shipped says what its steps promise today, and there is no page of any other."""

import importlib.util
import re
from pathlib import Path

PAGES = Path(__file__).parents[2] / "docs" / "playbooks"


def made_now() -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("write_playbook_pages", PAGES / "write.py")
    assert spec
    assert spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    pages: dict[str, str] = script.pages()
    return pages


def test_every_page_is_what_explain_says_now() -> None:
    now = made_now()
    assert {path.name for path in PAGES.glob("*.md")} == set(now)
    stale = [name for name, page in now.items() if (PAGES / name).read_text(encoding="utf-8") != page]
    assert not stale, f"run `python docs/playbooks/write.py`: {stale}"


def test_every_link_of_a_page_leads_somewhere() -> None:
    for page in PAGES.glob("*.md"):
        for target in re.findall(r"\]\(([\w./-]+\.(?:md|yml))\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
