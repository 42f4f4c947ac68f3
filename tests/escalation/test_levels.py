"""Whose turn it is, for every combination of what decides it."""

from itertools import product

import pytest

from remediate.escalation.levels import OUTAGE, Situation, next_turn, turn
from remediate.inventory import Contact

LEAD = Contact(level=1, name="Team Lead")
DBA = Contact(level=2, name="Database Administrator", topics=("database",), after=600.0)
SECOND = Contact(level=2, name="Second in Command", after=600.0)
CTO = Contact(level=3, name="Technical Director")
SETS = {
    "nobody": (),
    "lead": (LEAD,),
    "runbook": (LEAD, DBA, CTO),
    "all for all": (LEAD, SECOND, CTO),
    "no second": (LEAD, CTO),
    "above the runbook": (Contact(level=5, name="The Board"),),
    "for others": (Contact(level=1, name="Network", topics=("network",)),),
    "for databases": (DBA,),
}
TOPICS = [frozenset(), *map(frozenset, ("d", "c", "s", "dc", "ds", "cs", "dcs", "o"))]
WORDS = {"d": "database", "c": "corruption", "s": "security", "o": "other"}
EVERY = list(
    product(
        [frozenset(WORDS[letter] for letter in topics) for topics in TOPICS],
        [frozenset(), frozenset({"a"}), frozenset({"a", "b"})],
        [0.0, 1.0, OUTAGE, OUTAGE + 1],
        [0.0, 600.0, 601.0],
        range(4),
        range(4),
        SETS,
    )
)


def wanted(topics, apps, outage, open_for, reached, asked, fitting) -> int:
    """The runbook's own words, one by one."""
    level = 1
    if "database" in topics:
        level = 2
    if open_for > 600 and any(one.after == 600 for one in fitting):
        level = 2
    if topics & {"corruption", "security"} or len(apps) == 2 or outage > 15 * 60:
        level = 3
    return max(level, reached, asked)


def test_every_combination_comes_to_the_level_that_the_runbook_says() -> None:
    for topics, apps, outage, open_for, reached, asked, name in EVERY:
        situation = Situation(
            topics=topics, apps=apps, outage=outage, open_for=open_for, reached=reached, asked=asked
        )
        its_turn = turn(situation, SETS[name])
        fitting = [one for one in SETS[name] if not one.topics or topics & set(one.topics)] or SETS[name]
        level = wanted(topics, apps, outage, open_for, reached, asked, fitting)
        there = sorted({one.level for one in fitting})
        expected = next((one for one in there if one >= level), there[-1] if there else level)
        assert its_turn.level == expected, (situation, name)
        assert its_turn.contacts == tuple(one for one in fitting if one.level == expected)
        assert its_turn.reasons
        assert {reason.level for reason in its_turn.reasons} == {level}
        assert bool(its_turn.contacts) == bool(SETS[name]), "somebody is called wherever anybody is"


@pytest.mark.parametrize("less", [0, 3])
def test_a_level_never_falls_with_time(less: int) -> None:
    for reached in range(4):
        situation = Situation(reached=reached, asked=less)
        assert turn(situation, SETS["all for all"]).level >= max(1, reached, less)


def test_the_reasons_are_told() -> None:
    its_turn = turn(
        Situation(topics=frozenset({"corruption"}), apps=frozenset({"a", "b"}), outage=901.0),
        SETS["runbook"],
    )
    assert [reason.said for reason in its_turn.reasons] == [
        "data are corrupted",
        "an outage of more than 15 minutes",
        "2 apps are hit (a, b)",
    ]
    assert its_turn.contacts == (CTO,)


def test_who_is_for_databases_is_called_for_nothing_else() -> None:
    assert turn(Situation(), SETS["runbook"]).contacts == (LEAD,)
    assert turn(Situation(topics=frozenset({"database"})), SETS["runbook"]).contacts == (DBA,)
    assert turn(Situation(asked=2), SETS["runbook"]).contacts == (CTO,), "level 2 is for databases alone"


def test_where_nobody_is_for_it_all_are_asked_as_if_they_were_for_everything() -> None:
    network = Contact(level=1, name="Network", topics=("network",))
    assert turn(Situation(), (DBA,)).contacts == (DBA,)
    assert turn(Situation(), (network, DBA)).contacts == (network,)
    assert turn(Situation(open_for=601.0), (network, DBA)).contacts == (DBA,), "time calls them, too"
    assert next_turn(Situation(), (network, DBA))[1].contacts == (DBA,)
    assert turn(Situation(), (DBA, CTO)).contacts == (CTO,), "somebody is for it"


def test_it_is_foretold_when_the_next_level_comes() -> None:
    for situation, name in ((Situation(), "all for all"), (Situation(open_for=200.0, outage=5.0), "runbook")):
        told = next_turn(situation, SETS[name])
        assert told is not None
        seconds, later = told
        assert later.level > turn(situation, SETS[name]).level
        almost = situation.model_copy(
            update={
                "open_for": situation.open_for + seconds - 1,
                "outage": situation.outage and situation.outage + seconds - 1,
            }
        )
        assert turn(almost, SETS[name]).level == turn(situation, SETS[name]).level
    assert next_turn(Situation(open_for=200.0, outage=5.0), SETS["runbook"])[0] == pytest.approx(895, abs=0.1)
    assert next_turn(Situation(), SETS["no second"]) is None
    assert next_turn(Situation(reached=3), SETS["all for all"]) is None
