"""What ties a way back to the one change that it belongs to: the token of that change. Asks and sends nothing.

That the ledger knows some change of the same kind is not enough: it may be another run's, made while this one had
written its way back down and then never came to change anything.
"""

from remediate.model import Change, Undo
from remediate.steps import Action
from remediate.target import Target

OWN = "starts_with(coalesce(l.undo ->> 'of', l.token) || '/', %s || '/')"
"""Whether a row `l` of the ledger is of one change: those under its token, and steps of its way back that say so."""


class OwnChange(Action):
    """An action whose way back touches only what its own change has made."""

    def snapshot(self, target: Target, change: Change) -> Undo:
        """Write down under which token the ledger has the change."""
        return self.undo_with({**change.data, "change": target.token})


def change_of(undo: Undo) -> str:
    """Return the token of the change that a way back belongs to."""
    return str(undo.data["change"])
