"""What a plan and a run look like to those who read them in a browser or in a pull request."""

import json
import re
from html import unescape
from html.parser import HTMLParser

import pytest

from remediate.review import PlanDocument, read_document, written_document
from remediate.sinks.page import plan_page
from remediate.sinks.plan_markdown import LARGEST, plan_markdown
from tests.cli.test_applying import Ground, ground, reviewers  # noqa: F401  (fixtures)

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m @everyone [x](javascript:1) ``` </details>"
)


class Elements(HTMLParser):
    """Counts the elements of a page, and keeps what it would fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.fetched: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            if name in {"src", "href"} and not (value or "").startswith("#"):
                self.fetched.append(value or "")


@pytest.fixture
def plan(ground: Ground) -> PlanDocument:  # noqa: F811
    ground.makes_plan()
    return read_document(ground.plan).document


def hostile(plan: PlanDocument) -> PlanDocument:
    """The same plan, with texts as somebody who owns a host would write them."""
    (host,) = plan.hosts
    finding = host.findings[0].model_copy(update={"seen": HOSTILE, "evidence": (HOSTILE, "| a |")})
    (first, *others) = host.fixes
    (change,) = first.changes
    spoilt = change.model_copy(
        update={"diff": f"+{HOSTILE}", "script": HOSTILE, "what": HOSTILE, "notes": (HOSTILE,)}
    )
    fixes = (first.model_copy(update={"changes": (spoilt,)}), *others)
    return plan.model_copy(
        update={"hosts": (host.model_copy(update={"findings": (finding,), "fixes": fixes}),)}
    )


def test_a_page_fetches_nothing_and_what_a_host_says_stays_text(plan: PlanDocument) -> None:
    plain, spoilt = Elements(plan_page(plan)), Elements(plan_page(hostile(plan)))
    assert "script" not in spoilt.names
    assert "img" not in spoilt.names
    assert spoilt.fetched == plain.fetched == ["data:,"]
    assert "\x1b" not in plan_page(hostile(plan))
    assert "&lt;script&gt;" in plan_page(hostile(plan))


def test_a_comment_says_all_of_it_and_what_a_host_says_stays_text(plan: PlanDocument) -> None:
    comment = plan_markdown(plan)
    assert "+colour=green" in comment
    assert plan.digest in comment
    spoilt = plan_markdown(hostile(plan))
    outside = re.sub(r"^(`{3,})\w*\n.*?^\1$", "", spoilt, flags=re.MULTILINE | re.DOTALL)
    assert "@everyone" not in unescape(outside), "forges look for mentions last"
    assert not re.search(r"<(?!/?(?:details|summary)>)", outside)
    assert "@everyone" not in outside
    assert "](" not in outside
    assert outside.count("<details>") == outside.count("</details>")
    assert "\x1b" not in spoilt


def test_a_line_of_a_diff_is_what_the_file_has_as_a_line(plan: PlanDocument) -> None:
    (host,) = plan.hosts
    change = host.changes[0].model_copy(update={"diff": "+ok();\u2028 evil()\n+a\x0c-b\n"})
    fix = host.fixes[0].model_copy(update={"changes": (change,)})
    page = plan_page(plan.model_copy(update={"hosts": (host.model_copy(update={"fixes": (fix,)}),)}))
    assert page.count('<span class="added">') == 2
    assert page.count('<span class="removed">') == 0


def test_a_comment_has_room_and_tells_what_it_left_out(plan: PlanDocument) -> None:
    (host,) = plan.hosts
    (first, *_) = host.fixes
    many = tuple(first.changes[0].model_copy(update={"diff": "+ä" * 2000}) for _ in range(50))
    large = plan.model_copy(
        update={"hosts": (host.model_copy(update={"fixes": (first.model_copy(update={"changes": many}),)}),)}
    )
    comment = plan_markdown(large)
    assert len(comment.encode()) <= LARGEST
    shown = comment.count("```diff")
    assert f"**{50 - shown} more changes** did not fit here" in comment
    assert 0 < shown < 50


def test_every_form_is_printed_by_plan_and_by_show(ground: Ground) -> None:  # noqa: F811
    ground.makes_plan()
    for form, begins in (
        ("markdown", "## Plan: "),
        ("html", "<!doctype html>"),
        ("json", "{"),
        ("text", "Plan "),
    ):
        code, out, err = ground.does("show", str(ground.plan), "--format", form)
        assert (code, err) == (0, "")
        assert out.startswith(begins), form
    assert ground.does("show", str(ground.plan), "--format", "json")[1] == ground.plan.read_text()
    code, out, err = ground.does("plan", "two-files", "--on", "web1", "--format", "markdown")
    assert (code, out.startswith("## Plan: "), err) == (3, True, "")
    code, _, err = ground.does("plan", "two-files", "--on", "web1", "--format", "pdf")
    assert (code, err.count("\n")) == (2, 1)
    kept = read_document(ground.plan)
    assert written_document(kept.document, kept.seal) == ground.plan.read_text()


def test_a_run_that_is_over_has_a_page_with_every_entry(ground: Ground) -> None:  # noqa: F811
    ground.makes_plan()
    assert ground.applies()[0] == 0
    run = json.loads(ground.does("runs", "--json")[1].splitlines()[0])["header"]["run"]
    code, page, err = ground.does("show", run, "--format", "html")
    assert (code, err) == (0, "")
    entries = ground.does("show", run, "--json")[1].splitlines()
    assert page.count('id="entry-') == len([line for line in entries if json.loads(line).get("seq")])
    assert "colour=green" in page
    assert Elements(page).fetched == ["data:,"]
