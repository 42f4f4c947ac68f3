"""Pages in a real browser: quiet, self-contained, whole without scripts, readable on a phone, in the dark, on paper."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser import looks
from tests.browser.chromium import DESKTOP, PHONE, Chromium, Tab, tab
from tests.browser.conftest import NAMES

Made = Callable[[str], Path]
TAB, ENTER = ("Tab", 9), ("Enter", 13)
VIEWS = [(width, scheme) for width in (PHONE, DESKTOP) for scheme in ("dark", "light")]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_quiet_and_readable_everywhere(made: Made, page: Tab, pictures: Path, name: str) -> None:
    page.show(*VIEWS[0])
    page.load(made(name))
    for width, scheme in VIEWS:
        page.show(width, scheme)
        assert page.evaluate(looks.WIDTH) <= width, "the page is wider than the screen"
        assert page.evaluate(looks.CONTRAST) == [], (width, scheme)
        assert page.evaluate(looks.STRUCTURE) == []
        (pictures / f"{name}-{width}-{scheme}.png").write_bytes(page.picture())
    if name == "plan-columns":  # the picture of docs/REVIEW.md
        (pictures / f"{name}.webp").write_bytes(page.picture("webp"))
    assert page.requests == []
    assert page.complaints == []


@pytest.mark.parametrize("name", ["plan-columns", "plan-hostile", "run-stuck"])
def test_a_page_is_printed_whole_in_dark_ink(made: Made, page: Tab, pictures: Path, name: str) -> None:
    page.show(DESKTOP, "dark", media="print")
    page.load(made(name))
    assert page.evaluate(looks.LOST_ON_PAPER) == []
    assert page.evaluate(looks.CONTRAST) == []
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    printed = page.printed()
    assert printed.startswith(b"%PDF-")
    (pictures / f"{name}.pdf").write_bytes(printed)


def test_a_page_says_the_same_with_scripts_and_without(made: Made, chromium: Chromium) -> None:
    path, told = made("plan-hostile"), []
    for scripts in (False, True):
        with tab(chromium, scripts=scripts) as page:
            page.show(DESKTOP)
            page.load(path)
            told.append(page.evaluate(looks.TEXT))
            assert (page.complaints, page.evaluate("document.title").startswith("Plan ")) == ([], True)
    assert told[0] == told[1]
    assert "<script>document.title='owned'" in told[0]


def test_a_page_is_used_without_a_mouse(made: Made, page: Tab) -> None:
    page.show(DESKTOP)
    page.load(made("plan-import"))
    names = set()
    for _ in range(40):
        page.press(*TAB)
        focus = page.evaluate(looks.FOCUSED)
        if focus["name"] != "BODY":
            assert (focus["outline"], focus["width"] >= 2) == ("solid", True), focus
        names.add(focus["name"])
        if focus["name"] == "SUMMARY" and "CARD" not in names:
            page.press(*ENTER)
            names.add("CARD")
    assert names >= {"A", "SUMMARY", "PRE", "DIV"}


POOR = """<title>x</title><body style="background: #fff"><h2>x</h2><p style="color: #999">pale</p>
<div style="width: 900px">wide</div><img src="http://192.0.2.1/x.png"><details><summary></summary><pre>y</pre></details>
<a href="#nowhere">x</a><table><tr><td>x</td></tr></table><script>console.log('said')</script>"""


def test_the_watch_sees_what_it_watches_for(chromium: Chromium, tmp_path: Path) -> None:
    (tmp_path / "poor.html").write_text(POOR)
    with tab(chromium, scripts=True) as page:
        page.show(PHONE)
        page.load(tmp_path / "poor.html")
        assert page.requests == ["http://192.0.2.1/x.png"]
        said = " ".join(page.complaints)
        assert "said" in said
        assert "QuirksMode" in said
        assert page.evaluate(looks.WIDTH) > PHONE
        assert [place for place, _ in page.evaluate(looks.CONTRAST)] == ["P.: 153,153,153 on 255,255,255"]
        wrong = " ".join(page.evaluate(looks.STRUCTURE))
        assert all(
            word in wrong
            for word in (
                "quirks",
                "language",
                "title",
                "headings begin",
                "main",
                "nowhere",
                "headers",
                "IMG",
                "SCRIPT",
            )
        ), wrong
        assert page.evaluate(looks.LOST_ON_PAPER) == ["hidden: "]
