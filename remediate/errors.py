"""Everything that can go wrong, as one small tree. Nothing here prints, logs or chooses an exit code.

RemediateError                      one line: where, what, what to do
├── UsageError                      the command line is wrong
│   ├── PlaybookError               a playbook is wrong, at a file, line and column
│   └── InventoryError              an inventory is wrong, at a file, line and column
├── Blocked                         we could not look, or may not begin; nothing was touched
│   ├── Unreachable                 no connection, no login, a foreign host key, no shell
│   ├── CouldNotLook                one question could not be answered
│   └── Locked                      somebody else is at work there
│       └── Ousted                  the lock was taken away from this run while it was at work
├── Declined                        a person, or the policy, said no; nothing was touched
├── Stale                           the world is no longer what the plan was made from
├── Failed                          an action tried and did not succeed, and says so
├── Lost                            the link went away while something was being changed: outcome unknown
├── Conflict                        the state to be undone is no longer what this run left
├── Interrupted                     the operator pressed Ctrl-C, or the process was told to end
└── JournalError                    the audit log cannot be written, or does not verify
"""

from remediate.owner import LockOwner


class RemediateError(Exception):
    """An error that a person can act on.

    Args:
        where: The host, file or step it happened at.
        what: What is wrong, in a clause without a full stop.
        todo: What to do about it, or nothing where there is nothing to do.
    """

    def __init__(self, where: str, what: str, todo: str = "") -> None:
        self.where, self.what, self.todo = where, what, todo
        super().__init__(f"{where}: {what}" + (f"; {todo}" if todo else ""))

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        return type(self), (self.where, self.what, self.todo)


class UsageError(RemediateError):
    """The command line is wrong."""


class PlaybookError(UsageError):
    """A playbook is wrong; `where` is `file:line:column`."""


class InventoryError(UsageError):
    """An inventory is wrong; `where` is `file:line:column`."""


class Blocked(RemediateError):  # noqa: N818  (an outcome's name, not only an error's)
    """We could not look, or may not begin. Nothing was touched."""


class Unreachable(Blocked):
    """No connection, no login, a foreign host key, or no shell to talk to."""


class CouldNotLook(Blocked):
    """One question could not be answered, so nothing can be said about the host."""


class Locked(Blocked):
    """Somebody else is at work there; the message says who, since when and in which run.

    Args:
        where: The host, or the run.
        what: Who has it, since when and why.
        todo: What to do about it.
        owner: Who has it, as a value; None where nobody can say.
    """

    def __init__(self, where: str, what: str, todo: str = "", owner: LockOwner | None = None) -> None:
        super().__init__(where, what, todo)
        self.owner = owner


class Ousted(Locked):
    """The lock was taken away from this run while it was at work; whatever it does there now, it does unasked."""


class Declined(RemediateError):  # noqa: N818
    """A person, or the policy, said no. Nothing was touched."""


class Stale(RemediateError):  # noqa: N818
    """The world is no longer what the plan was made from."""


class Failed(RemediateError):  # noqa: N818
    """An action tried, did not succeed, and knows it.

    Args:
        where: The host and step.
        what: What failed.
        todo: What to do about it.
        output: The last lines that matter, raw; a sink masks and cleans them.
        state: The SQLSTATE with which a database refused; empty where none did.
    """

    def __init__(self, where: str, what: str, todo: str = "", output: str = "", state: str = "") -> None:
        super().__init__(where, what, todo)
        self.output, self.state = output, state


class Lost(RemediateError):  # noqa: N818
    """The link went away while something was being changed. What became of it is unknown and must be asked."""


class Conflict(RemediateError):  # noqa: N818
    """What is to be undone is no longer what this run left: somebody changed it since."""


class Interrupted(RemediateError):  # noqa: N818
    """The operator pressed Ctrl-C, or the process was told to end."""


class JournalError(RemediateError):
    """The audit log cannot be written, or does not verify."""
