"""The comment on a pull request, as a reader of Markdown (CommonMark with GitHub's tables) takes it."""

import re

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from remediate.review import PlanDocument
from remediate.sinks.plan_markdown import LARGEST, plan_markdown
from tests.browser.samples import ALTER, DATABASE, HOSTILE, MEND, PLANS, plan_of, planned

OURS = re.compile(r"<details><summary>[^<>]*</summary>\n|</details>\n")
MENTION = re.compile(r"(?<![\w`])[@#]\w")


def tokens(comment: str) -> list[Token]:
    """All tokens, those within a line, too."""
    read = (
        MarkdownIt("commonmark", {"html": True, "linkify": False})
        .enable(["table", "strikethrough"])
        .parse(comment)
    )
    return [inner for token in read for inner in (token, *(token.children or ()))]


def large(changes: int, lines: int) -> PlanDocument:
    diff = "".join(f"+const line{number} = 'ä```'\n" for number in range(lines))
    return plan_of(
        planned("web1", *[MEND.model_copy(update={"diff": diff})] * changes), planned("web2", ALTER)
    )


@pytest.mark.parametrize("name", PLANS)
def test_nothing_that_a_host_says_is_more_than_text(name: str) -> None:
    read = tokens(plan_markdown(PLANS[name]))
    kinds = {token.type for token in read}
    assert not kinds & {"link_open", "image", "html_inline", "s_open", "code_block"}, kinds
    for token in read:
        if token.type == "html_block":
            assert OURS.fullmatch(token.content), token.content
        if token.type == "text":
            assert not MENTION.search(token.content), token.content
    assert sum("<details>" in token.content for token in read if token.type == "html_block") == sum(
        "</details>" in token.content for token in read if token.type == "html_block"
    )


def test_a_diff_stands_in_its_fence_to_the_byte() -> None:
    fences = [token for token in tokens(plan_markdown(PLANS["plan-import"])) if token.type == "fence"]
    assert [token.info for token in fences].count("diff") == 2
    assert next(token for token in fences if token.info == "diff").content == MEND.diff
    hostile = [token for token in tokens(plan_markdown(PLANS["plan-hostile"])) if token.type == "fence"]
    assert any("<script>" in token.content and "```" in token.content for token in hostile)


def test_a_bar_ends_no_cell_and_is_not_doubled_elsewhere() -> None:
    change = MEND.model_copy(update={"target": "a|b"})
    comment = plan_markdown(plan_of(planned("web1", change), environment="c|d"))
    codes = [token.content for token in tokens(comment) if token.type == "code_inline"]
    assert {"a|b", "c|d"} <= set(codes)


def test_statements_are_called_sql_and_commands_shell() -> None:
    infos = [token.info for token in tokens(plan_markdown(PLANS["plan-columns"])) if token.type == "fence"]
    assert infos == ["", "sql", "sh"]


@pytest.mark.parametrize(("changes", "lines"), [(1, 5000), (50, 100), (400, 1), (0, 0), (3, 700)])
def test_it_always_fits_and_says_what_it_left_out(changes: int, lines: int) -> None:
    plan = large(changes, lines)
    comment = plan_markdown(plan)
    assert len(comment.encode()) <= LARGEST
    read = tokens(comment)
    told = [
        one
        for token in read
        if token.type == "html_block"
        for one in re.findall(r"<summary>\d+", token.content)
    ]
    missing = re.search(r"\*\*(\d+) more changes?\*\* did not fit", comment)
    assert len(told) + (int(missing[1]) if missing else 0) == changes + 1
    assert all(
        token.content.endswith("```'\n") for token in read if token.type == "fence" and token.info == "diff"
    )


def test_a_diff_that_is_too_long_is_pointed_to_and_the_rest_of_its_change_is_there() -> None:
    comment = plan_markdown(PLANS["plan-long"])
    assert "**The diff has 5,000 lines**" in comment
    assert "did not fit" not in comment
    assert "pm2 restart lumiku-backend" in comment


def test_many_hosts_and_long_texts_fit_as_well() -> None:
    hosts = [
        planned(f"web{number}", ALTER, say=HOSTILE * 20, database=DATABASE * 50) for number in range(300)
    ]
    comment = plan_markdown(plan_of(*hosts, title=HOSTILE * 900, reason=HOSTILE * 900))
    assert len(comment.encode()) <= LARGEST
    assert "and 200 more" in comment
    assert comment.count("### web0") == 1, "hosts that are alike are told once"


def test_what_must_be_looked_at_stands_before_the_changes() -> None:
    comment = plan_markdown(PLANS["plan-import"])
    assert comment.index("Look at this first") < comment.index("no way back") < comment.index("<details>")
