"""Who holds a lock: a value that crosses hosts, processes and errors. It locks nothing.

It stands below the errors, because one of them carries it.
"""

from pydantic import BaseModel, ConfigDict, Field


class LockOwner(BaseModel):
    """Who holds a lock, told to whoever comes second.

    Attributes:
        run: The id of the run or hold; what a host tells is no other text than this, for it is shown to be copied.
        who: `user@machine` of the runner.
        since: When it was taken, in UTC, on the runner's clock.
        why: The reason that was given.
        hold: Whether it is a hold: nobody works there, and everybody is kept out until `unlock`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    run: str = Field(pattern=r"^[A-Za-z0-9_.-]*$")
    who: str
    since: str
    why: str = ""
    hold: bool = False

    @property
    def in_words(self) -> str:
        """Who it is, since when, in which run and why: what follows “locked by”."""
        run = f" in run {self.run}" if self.run and not self.hold else ""
        why = f" ({self.why})" if self.why else ""
        return f"{self.who} since {self.since}{run}{why}"


def nobody_knows() -> LockOwner:
    """Return the owner of a lock that does not say whose it is, or not in words that are understood here."""
    return LockOwner(run="", who="an unknown runner", since="an unknown time")
