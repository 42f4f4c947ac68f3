"""A fault that healing left to a person, and that they mended: another round-trip ends it for all who know of it."""

from pathlib import Path

from remediate.clock import Clock
from remediate.escalation.delivery import Sent
from remediate.escalation.escalating import Escalator
from remediate.escalation.incident import KINDS as ESCALATIONS
from remediate.escalation.incident import open_incidents
from remediate.healing.calling import case_of_healing
from remediate.healing.healed import Healed
from remediate.healing.history import KINDS, history_of
from remediate.inventory import Contact, Inventory, Policy, Reference
from remediate.masking import Masker
from remediate.model import Outcome
from tests.healing.test_healer import World, healing, world

__all__ = ["world"]

LEAD = Contact(
    level=1, name="Lead", notify=(Reference(name="notify", where="lab.yml:9:9", folder="/", env="URL"),)
)


def called(world: World, healed: Healed, folder: Path) -> list[str]:
    """Return who was told of what is left."""
    case = case_of_healing(healed, (), {}, operator="me@here", reason="watch: web1", now=world.now)
    inventory = Inventory("lab", folder / "lab.yml", "", False, Policy(), (), (LEAD,))
    clock = Clock(lambda: world.now, lambda: world.now, lambda _: None)
    taken = [Sent(taken=True)]
    desk = Escalator(
        inventory, folder / "state", world.journal, Masker(), {"URL": "json://a"}, lambda *_: taken, clock
    )
    return [one.contact for one in desk.escalate(case).told]


def open_in(world: World) -> tuple[int, int]:
    """Return how many incidents those who heal, and those who call, know to be open."""
    history = history_of(world.journal.of_kinds(KINDS))
    calls = open_incidents(world.journal.of_kinds(ESCALATIONS), world.journal.runs(), world.now)
    return len(history.incidents), len(calls)


def test_the_look_that_closes_what_a_person_mended_has_the_same_fault_call_them_again(
    world: World, tmp_path: Path
) -> None:
    world.becomes["vacuum"] = Outcome.ROLLED_BACK
    for _ in range(2):
        world.faults["web1"] = {"vacuum"}
        healed, _ = healing(world, "web1")
        assert called(world, healed, tmp_path) == ["Lead"]
        world.now += 60
        assert called(world, healed, tmp_path) == []
        assert open_in(world) == (1, 1)
        world.faults["web1"] = set()  # by hand
        world.now += 3600
        assert not healing(world, "web1")[0].needs_a_person
        assert open_in(world) == (0, 0)
