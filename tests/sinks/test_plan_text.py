"""A plan as lines: a sample of rows is shown like a diff, and batches that are alike are told once."""

from remediate.model import Change, Fidelity, Finding, Plan, PlannedFix, Rehearsal, WayBack
from remediate.sinks.plan_text import finding_lines, plan_lines

BATCH = Change(
    what="delete 2 rows of t",
    target="rows of public.t: id 1 to id 2",
    sample="- id 1\n-   name: NULL",
    script="DELETE FROM t;",
    notes=("3 rows in all",),
    fidelity=Fidelity.EXACT,
    way_back=WayBack.EXACT,
    risk="data",
)


def lines_of(*changes: Change) -> list[tuple[str, str]]:
    fix = PlannedFix(step="delete", action="sql.delete_rows", parameters={}, changes=changes)
    plan = Plan(playbook="p", playbook_digest="d", environment="e", host="h", findings=(), fixes=(fix,))
    return [(line.text.strip(), line.style) for line in plan_lines(plan)]


def test_a_sample_of_rows_is_shown_as_a_diff_is() -> None:
    assert ("- id 1", "removed") in lines_of(BATCH)


def test_a_batch_like_the_one_before_says_only_which_rows_it_is_about() -> None:
    second = BATCH.model_copy(
        update={"what": "delete 1 row of t", "target": "rows of public.t: id 3", "sample": "", "notes": ()}
    )
    lines = lines_of(BATCH, second)
    assert [text for text, _ in lines].count("DELETE FROM t;") == 1
    assert [text for text, _ in lines][-2:] == [
        "2. delete: delete 1 row of t",
        "as above, rows of public.t: id 3",
    ]


def test_a_change_that_is_not_alike_is_shown_in_whole() -> None:
    other = BATCH.model_copy(update={"script": "DELETE FROM u;", "notes": ()})
    assert ("DELETE FROM u;", "code") in lines_of(BATCH, other)


def test_evidence_that_is_a_tree_is_shown_as_one() -> None:
    evidence = ("pid 1, idle", "  pid 2 waits", " " * 400 + "pid 3\n  waits")
    lines = [line.text for line in finding_lines(Finding(healthy=False, seen="they wait", evidence=evidence))]
    assert lines[1:] == ["      pid 1, idle", "        pid 2 waits", " " * 26 + "pid 3 waits"]


def test_a_rehearsal_tells_how_it_ended_and_which_files_would_be_others() -> None:
    tried = Rehearsal(
        outcome="done", told="npm run build in a copy", instead_of=Fidelity.ESTIMATE, seconds=2.0, exit_code=0,
        appear=1, disappear=1, change=3, files=("+ a\x1b[31m.js", "- b.js", "~ c.js"),
    )  # fmt: skip
    change = Change(
        what="build", target="dist", fidelity=Fidelity.ESTIMATE, way_back=WayBack.EXACT, risk="build"
    )
    text = [line for line, _ in lines_of(change.rehearsed(tried))]
    assert text[1].startswith("digest ")
    assert "1 change: 1 rehearsed; way back: 1 exact; 1 rehearsed" in text[1]
    first = text.index(next(line for line in text if "✓ rehearsed" in line))
    assert text[first].endswith("exit code 0 after 2 s; would differ: 1 appear, 1 disappear, 3 change")
    assert "\x1b" not in "".join(text)
    assert text[first + 2 :] == ["- b.js", "~ c.js", "… and 2 more"]
    assert change.rehearsed(tried).outline == change.outline


def test_a_rehearsal_that_failed_shows_its_last_lines_and_one_that_was_not_tried_why() -> None:
    change = Change(
        what="build", target="dist", fidelity=Fidelity.ESTIMATE, way_back=WayBack.EXACT, risk="build"
    )
    failed = Rehearsal(
        outcome="failed", told="npm run build", instead_of=Fidelity.ESTIMATE, exit_code=4, last_lines=("TS2322",)
    )  # fmt: skip
    assert [line for line, _ in lines_of(change.rehearsed(failed))][-2:] == [
        "✗ rehearsed, and it would fail: npm run build, exit code 4 after 0 s",
        "| TS2322",
    ]
    not_tried = failed.model_copy(update={"outcome": "not tried", "told": "not rehearsed: no room"})
    assert "· not rehearsed: no room" in [line for line, _ in lines_of(change.rehearsed(not_tried))]
    assert change.rehearsed(failed).fidelity is Fidelity.ESTIMATE


def test_how_many_rows_are_written_is_told_of_each_change_and_of_all() -> None:
    counted = BATCH.model_copy(update={"rows": 2})
    text = "\n".join(line for line, _ in lines_of(counted, counted.model_copy(update={"rows": 1})))
    assert "2 exact; way back: 2 exact; rows: 3" in text
    assert "exact · rows: 2 · way back exact" in text
    uncounted = "\n".join(line for line, _ in lines_of(counted, BATCH.model_copy(update={"rows": None})))
    assert "rows: nobody can count them beforehand" in uncounted
    assert "rows" not in lines_of(BATCH.model_copy(update={"notes": ()}))[1][0]
