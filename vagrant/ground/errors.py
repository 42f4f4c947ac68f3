"""What can go wrong, as one line for the person at the keyboard. Nothing here prints or exits.

LabError            something failed on this machine            exit 1
└── UsageError      the command cannot be meant like this       exit 2
    └── MissingError    something has to be installed first     exit 2
"""


class LabError(Exception):
    """One line: where, what, and what to do."""

    exit_code = 1


class UsageError(LabError):
    """The command line, or the machine, must be changed before this can work."""

    exit_code = 2


class MissingError(UsageError):
    """A program is not installed, and we may not install it."""
