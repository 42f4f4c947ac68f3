"""How deep a playbook's cure goes, from its own words and its actions, before anything is planned. Pure."""

from enum import IntEnum

from remediate.playbook.reading import Playbook


class Invasiveness(IntEnum):
    """How deep a cure goes: of two that may both help, the lesser is tried first."""

    NOTHING = 0
    RESTART = 1
    REGENERATE = 2
    REBUILD = 3
    CONFIG = 4
    SCHEMA = 5
    DATA = 6

    @property
    def in_words(self) -> str:
        """What such a cure does."""
        return _IN_WORDS[self]


_IN_WORDS = {
    Invasiveness.NOTHING: "changes nothing that the app sees",
    Invasiveness.RESTART: "restarts",
    Invasiveness.REGENERATE: "regenerates",
    Invasiveness.REBUILD: "rebuilds",
    Invasiveness.CONFIG: "changes the configuration",
    Invasiveness.SCHEMA: "changes the database's schema",
    Invasiveness.DATA: "changes data",
}
_OF_RISK = {
    "none": Invasiveness.NOTHING,
    "restart": Invasiveness.RESTART,
    "build": Invasiveness.REBUILD,
    "config": Invasiveness.CONFIG,
    "schema": Invasiveness.SCHEMA,
    "data": Invasiveness.DATA,
}
_MAKES_ANEW = "prisma.generate"
"""What makes code from the schema; a build that follows does nothing where the build is newer."""
_FOLLOWS = ("node.build", "pm2.")


def invasiveness_of(playbook: Playbook) -> Invasiveness:
    """Return how deep a playbook's cure goes: by its `confirm: risk:`, and what of a build's risk is only generated."""
    depth = _OF_RISK[playbook.confirm.risk]
    kinds = {step.step.kind for step in playbook.fix}
    only_generates = _MAKES_ANEW in kinds and all(
        kind == _MAKES_ANEW or kind.startswith(_FOLLOWS) for kind in kinds
    )
    return Invasiveness.REGENERATE if depth is Invasiveness.REBUILD and only_generates else depth
