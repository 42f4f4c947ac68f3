"""Every host that is changed keeps the audit log's head, before the first change and at the end."""

import pytest

from remediate.errors import Unreachable
from remediate.model import Outcome
from remediate.witnessing import leave_witness
from tests.forging import forging
from tests.laws.memory import MemoryTarget

from .conftest import CONFIG, Rehearsal

WHO = "tester"


class Asked(MemoryTarget):
    """A host that notes what it kept when its first file was written."""

    kept_before_the_first_change: tuple = ()

    def scoped(self, token):
        self.token = token
        return self

    def write(self, path, content, expect, like=None):
        self.kept_before_the_first_change = self.kept_before_the_first_change or self.witnesses()
        return super().write(path, content, expect, like)


def test_the_head_is_kept_before_the_first_change_and_is_what_was_confirmed(rehearsal: Rehearsal) -> None:
    target = Asked(rehearsal.world, "")
    run = rehearsal.host_run(target)
    assert run.carry_out(run.look()).outcome is Outcome.FIXED
    (kept,) = target.kept_before_the_first_change
    (entry,) = [one for one in rehearsal.journal.entries() if one.seq == kept.seq]
    assert (entry.kind, entry.hash, kept.run, kept.who) == ("confirmed", kept.hash, rehearsal.run, WHO)
    assert kept.place == str(rehearsal.folder / "state")


def test_looking_leaves_no_head(rehearsal: Rehearsal) -> None:
    rehearsal.host_run().look()
    assert MemoryTarget(rehearsal.world, "").witnesses() == ()


def test_a_head_that_cannot_be_left_is_a_warning_and_ends_no_run(rehearsal: Rehearsal) -> None:
    class Full(MemoryTarget):
        def keep_witness(self, witness):
            raise Unreachable(witness.log, "no space left", "make room")

    run = rehearsal.host_run(Full(rehearsal.world, ""))
    assert run.carry_out(run.look()).outcome is Outcome.FIXED
    (told,) = [event.text for event in rehearsal.told if event.kind == "warning"]
    assert "could not be left there: no space left" in told
    assert b"colour=green" in rehearsal.content(CONFIG)


@pytest.mark.fault(27)
def test_a_forged_log_is_told_by_the_host_and_the_evidence_is_not_replaced(rehearsal: Rehearsal) -> None:
    target, journal = MemoryTarget(rehearsal.world, ""), rehearsal.journal
    for kind in ("begun", "confirmed", "note"):
        journal.append(rehearsal.run, "memory", kind, {})
    leave_witness(target, rehearsal.runner)
    (kept,) = target.witnesses()
    assert journal.contradiction(kept, WHO) == ""
    journal.close()
    with forging(rehearsal.folder / "state") as log:
        log.execute("DELETE FROM entries WHERE seq = 3")
    assert journal.verify().whole, "alone it cannot know"
    assert "does not have: entries were cut off" in journal.contradiction(kept, WHO)
    journal.append(rehearsal.run, "memory", "note", {"number": "another"})
    journal.append(rehearsal.run, "memory", "note", {"number": "and another"})
    assert "another entry 3 than this log has: the log was rewritten" in journal.contradiction(kept, WHO)
    leave_witness(target, rehearsal.runner)
    assert target.witnesses() == (kept,)
    assert "run `remediate audit verify --on memory`" in rehearsal.told[-1].text


@pytest.mark.fault(27)
def test_a_log_begun_anew_in_the_same_place_is_found_and_another_runners_log_is_not_accused(
    rehearsal: Rehearsal,
) -> None:
    target = MemoryTarget(rehearsal.world, "")
    leave_witness(target, rehearsal.runner)
    assert target.witnesses() == (), "nothing was confirmed here yet"
    rehearsal.journal.append(rehearsal.run, "memory", "confirmed", {})
    leave_witness(target, rehearsal.runner)
    (kept,) = target.witnesses()
    rehearsal.journal.close()
    for name in ("journal.db", "head"):
        (rehearsal.folder / "state" / name).unlink()
    removed = rehearsal.journal.contradiction(kept, WHO)
    rehearsal.journal.append("another", "memory", "note", {})
    anew = rehearsal.journal.contradiction(kept, WHO)
    for text in (removed, anew):
        assert "removed, or begun anew" in text
        assert f"remove ~/.remediate/heads/{kept.log} there" in text
    assert rehearsal.journal.contradiction(kept, "somebody@else") == ""
    elsewhere = kept.model_copy(update={"place": "/elsewhere"})
    assert rehearsal.journal.contradiction(elsewhere, WHO) == ""
