"""The faults to survive, and what is promised of each: the one list. Tests name them by number; a page shows both."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        number: By which tests name it.
        title: What happens.
        promise: What the operator can rely on.
    """

    number: int
    title: str
    promise: str


FAULTS = (
    Fault(
        1,
        "The runner is killed (SIGKILL) at any point",
        "The audit log has what was intended and what was done; `resume` asks the host and the database; every effect"
        " comes once; `rollback` puts back the start; locks come free.",
    ),
    Fault(
        2,
        "The runner is killed while a command runs on the host",
        "The command ends on the host by itself; `resume` follows it, or reads its result, and never runs it again.",
    ),
    Fault(
        3,
        "The SSH connection breaks or falls silent in the middle of a command",
        "Noticed within 15 s; the runner connects again and goes on following the same command.",
    ),
    Fault(
        4,
        "The host reboots in the middle of a fix",
        "What was running is unknown, never taken for done: what it changed is put back, and it is looked again.",
    ),
    Fault(
        5,
        "A command hangs",
        "At its deadline its whole process session is ended, TERM then KILL, and seen to be gone, before anything is"
        " put back.",
    ),
    Fault(
        6, "A command waits for input", "It reads end of file: it fails with what it said, and hangs nobody."
    ),
    Fault(
        7, "A daemon that a command leaves behind keeps the output open", "Nobody waits for it; it lives on."
    ),
    Fault(
        8,
        "A command prints hundreds of megabytes",
        "Head and tail are kept, on the host as here; memory and disk stay bounded; how much was left out is counted.",
    ),
    Fault(
        9,
        "Output is binary, or no valid UTF-8",
        "Bytes are kept as they are; what is shown is escaped; JSON stays valid.",
    ),
    Fault(
        10,
        "The host's disk is full",
        "A file is replaced whole or not at all; where nothing can be written, nothing is begun.",
    ),
    Fault(
        11,
        "The runner's disk is full",
        "Without an entry in the audit log nothing is done; a reserve lets a run that has begun write its end down.",
    ),
    Fault(
        12,
        "The database connection breaks before COMMIT",
        "Nothing of the change is there, and it is said so.",
    ),
    Fault(
        13,
        "The answer to COMMIT is lost",
        "The ledger and `pg_xact_status` tell whether it was committed; it is never tried again on suspicion.",
    ),
    Fault(
        14,
        "The runner dies in the middle of SQL",
        "A transaction is rolled back by the server; what cannot run in one is resolved by looking at the catalog.",
    ),
    Fault(
        15,
        "A change of the database waits for a lock, and others queue behind it",
        "It waits one second at a time, five times, then gives up and names who holds the lock.",
    ),
    Fault(
        16,
        "Two operators start at once",
        "One goes on; the other is told who, since when, why and in which run, exit 6; two hosts' one database, too.",
    ),
    Fault(
        17,
        "A frozen runner wakes after its lock was taken from it",
        "The host refuses its next change: the lock is looked at where the change is made.",
    ),
    Fault(
        18,
        "Clocks are wrong, or jump",
        "Deadlines run on clocks that never jump; entries are ordered by number; how far the host's is off is told.",
    ),
    Fault(
        19,
        "Secrets turn up in output, errors or arguments",
        "They are masked before any sink, in every common encoding, and are in no argument list, job file or log.",
    ),
    Fault(20, "The host prints terminal escapes", "They are shown as text; the terminal obeys none of them."),
    Fault(21, "The host prints what looks like markup", "It is shown as it came, and breaks nothing."),
    Fault(
        22,
        "A variable tries to inject a template",
        "It is a value: it arrives unchanged, and is never rendered.",
    ),
    Fault(
        23,
        "A variable tries to inject a shell command",
        "It is an argument: it arrives unchanged, byte for byte.",
    ),
    Fault(24, "A variable tries to inject SQL", "It is a parameter or a quoted name: it arrives unchanged."),
    Fault(
        25,
        "A playbook or inventory is a bomb: aliases, duplicate keys, deep nesting, megabytes",
        "Refused at load with file, line and column, in bounded time and memory.",
    ),
    Fault(
        26,
        "Links are planted where files are kept or edited; a path leaves the app's root",
        "Nothing is followed: refused, and what the link leads to is untouched.",
    ),
    Fault(
        27,
        "The audit log is altered, cut off, removed or torn",
        "`audit verify` names the first entry that does not fit, and tells a crash from a forgery; a log that was cut"
        " or removed whole is found by the head that the hosts keep.",
    ),
    Fault(
        28,
        "Another machine answers at the host's address",
        "Refused before anything is asked to change: by its host key, or by its machine id.",
    ),
    Fault(
        29,
        "The world moves between the plan and the change",
        "Nothing is touched, exit 5, and what moved is told.",
    ),
    Fault(
        30,
        "The cure holds for a moment only",
        "Verification looks until the fault has stayed away; a relapse starts the count again; then all is put back.",
    ),
    Fault(
        31,
        "The way back fails half-way",
        "What is still owed stays in the audit log; exit 7; a person is told what; `rollback` can be run again.",
    ),
    Fault(
        33,
        "The audit log is locked by somebody else, or its file is damaged",
        "Nothing is done without it; what only reads still works, or says in one line what is wrong.",
    ),
)
"""Numbered as in the design; 32 and 34 concern the unattended runner, which is not built yet."""
