"""A plan as lines: a sample of rows is shown like a diff, and batches that are alike are told once."""

from remediate.model import Change, Fidelity, Finding, Plan, PlannedFix, WayBack
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


def test_how_many_rows_are_written_is_told_of_each_change_and_of_all() -> None:
    counted = BATCH.model_copy(update={"rows": 2})
    text = "\n".join(line for line, _ in lines_of(counted, counted.model_copy(update={"rows": 1})))
    assert "2 exact; way back: 2 exact; rows: 3" in text
    assert "exact · rows: 2 · way back exact" in text
    uncounted = "\n".join(line for line, _ in lines_of(counted, BATCH.model_copy(update={"rows": None})))
    assert "rows: nobody can count them beforehand" in uncounted
    assert "rows" not in lines_of(BATCH.model_copy(update={"notes": ()}))[1][0]
