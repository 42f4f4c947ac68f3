"""What a reviewer is told first: hosts that are alike once, and what weighs most before what weighs less."""

from remediate.review import PlannedHost
from remediate.sinks.plan_overview import Note, alike, concerns, is_sql, labelled
from remediate.sinks.plan_text import document_lines
from tests.browser.samples import ALTER, BUILD, FREE, MEND, PLANS, RESTART, plan_of, planned


def names(*hosts: PlannedHost) -> list[str]:
    return [group.names for group in alike(hosts)]


def test_hosts_on_which_all_that_is_shown_is_the_same_are_told_once() -> None:
    assert names(planned("a", MEND), planned("b", ALTER), planned("c", MEND)) == ["a, c", "b"]


def test_a_host_that_differs_in_anything_that_is_shown_stands_alone() -> None:
    first = planned("a", MEND)
    for other in (
        planned("b", MEND.model_copy(update={"diff": MEND.diff + " "})),
        planned("b", MEND, say="another word"),
        planned("b", MEND, findings=()),
        planned("b", MEND, why="why"),
        planned("b", MEND, database="with a database"),
        planned("b", MEND, RESTART),
    ):
        assert names(first, other) == ["a", "b"]


def test_many_hosts_are_counted() -> None:
    assert names(*[planned(f"web{number}", MEND) for number in range(20)]) == ["web0, web1, web2 and 17 more"]


def test_what_cannot_be_put_back_or_told_beforehand_comes_first() -> None:
    told = concerns(alike([planned("a", ALTER, BUILD), planned("b", FREE)]))
    assert [(one.hosts, one.grave, one.why.split(":")[0]) for one in told] == [
        ("b", True, "no way back"),
        ("b", True, "what it does cannot be told beforehand"),
        ("b", True, "a hazard that stops, which the step allows"),
        ("a", False, "warning"),
    ]


def test_a_note_is_about_what_it_begins_with() -> None:
    notes = ("only words", "live size: 1 MB: and more", "C:\\x: no label", "lock: ACCESS SHARE")
    assert labelled(notes) == (
        Note("live size", "1 MB: and more"),
        Note("lock", "ACCESS SHARE"),
        Note("", "only words"),
        Note("", "C:\\x: no label"),
    )


def test_a_statement_is_told_from_a_command() -> None:
    assert is_sql(ALTER.script, ALTER.target)
    assert is_sql("update t set a = 1", "anything")
    assert not is_sql("npm run build", "/srv/index.js")


def test_a_terminal_tells_twenty_hosts_once_and_names_each() -> None:
    text = [line.text for line in document_lines(PLANS["plan-fleet"])]
    assert sum("add 3 columns" in line for line in text) == 1
    assert sum("host key" in line for line in text) == 21
    assert "web1, web2, web3 and 17 more: planned" in text


def test_hosts_keep_their_own_marks_and_keys() -> None:
    (group,) = alike(plan_of(planned("a", MEND), planned("b", MEND)).hosts)
    assert len({host.host_key for host in group.hosts}) == 2
