"""What the service has written into the audit log, read again when it starts: what was open, what was begun when.

It writes as well, and decides nothing: the entries are `concern`, with what became of it, and `scheduled`; and that an
incident is over for which a person was called because of a concern.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from remediate.escalation.incident import KINDS as ESCALATIONS
from remediate.escalation.incident import not_over, open_incidents
from remediate.healing.history import INCIDENT
from remediate.inventory import Inventory
from remediate.journal import Entry, Journal, RunHeader, RunSummary, new_run_id
from remediate.journal.understanding import understanding
from remediate.model import WELL, Finding, Json, Outcome
from remediate.watching.called import record, why
from remediate.watching.closing import REASON, together
from remediate.watching.concerns import Concern, Key
from remediate.watching.over import called_for, calls_over
from remediate.watching.schedule import Since
from remediate.watching.work import Errand, Note, Turned

KINDS = ("concern", "scheduled")


@dataclass(frozen=True)
class Remembered:
    """What an earlier service left.

    Attributes:
        concerns: What was open; due at once.
        begun: From when each thing that is scheduled counts, by environment and name.
        left: Where healing left something to a person, by environment and host, and the playbooks that were asked
            there; empty: all.
    """

    concerns: Mapping[Key, Concern]
    begun: Mapping[tuple[str, str], Since]
    left: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def of(self, environment: str) -> tuple[dict[Key, Concern], dict[str, Since]]:
        """Return what is known of one environment: what was open, and from when what is scheduled counts."""
        concerns = {key: one for key, one in self.concerns.items() if one.environment == environment}
        return concerns, {name: at for (where, name), at in self.begun.items() if where == environment}

    def left_in(self, environment: str) -> dict[str, tuple[str, ...]]:
        """Return the hosts of one environment where healing left something to a person, and what was asked there."""
        return {host: asked for (where, host), asked in self.left.items() if where == environment}


def remembered(entries: Iterable[Entry], runs: Iterable[RunSummary] = ()) -> Remembered:
    """Return what entries of these kinds tell, in the order of their numbers.

    Args:
        entries: The entries.
        runs: All runs, newest first: of what healing left only they tell, for it writes that down itself.

    Raises:
        JournalError: One of them cannot be understood.
    """
    concerns: dict[Key, Concern] = {}
    begun: dict[tuple[str, str], Since] = {}
    for entry in entries:
        with understanding(entry.seq):
            if entry.kind == "scheduled":
                name = entry.body["environment"], entry.body["name"]
                begun[name] = _since(begun.get(name, Since(entry.at)), entry)
            else:
                _follow(concerns, _concern(entry), entry.body["turned"])
    return Remembered(concerns, begun, _left(runs))


def _left(runs: Iterable[RunSummary]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return where healings that we asked for did not end well, or were killed, and the playbooks that they asked.

    One that ended well and asked only some playbooks did not look for what others had left.
    """
    left: dict[tuple[str, str], tuple[str, ...]] = {}
    done: set[tuple[str, str]] = set()
    for run in runs:
        header, asked = run.header, run.header.only
        if header.command != "heal" or not header.reason.startswith("watch: "):
            continue
        for where in {(header.environment, host) for host in header.hosts} - done:
            if run.outcomes.get(where[1]) not in WELL:
                left[where] = together(left.get(where, asked), asked)
            if not asked or header.reason == REASON:  # it asked for all that was left before it
                done.add(where)
    return left


def _since(known: Since, entry: Entry) -> Since:
    """Return from when something counts after an entry: that it began, or how it is written from then on."""
    body = entry.body
    if "cron" in body:
        return Since(entry.at, body["cron"], body["zone"])
    return replace(known, at=entry.at, served=body.get("served"))


def _follow(concerns: dict[Key, Concern], one: Concern, turned: str) -> None:
    if turned == Turned.OPENED:
        concerns[one.key] = one
    elif turned == Turned.CLOSED:
        concerns.pop(one.key, None)
    elif turned in {Turned.TAKEN_BACK, Turned.AGAIN} and one.key in concerns:
        concerns[one.key] = replace(concerns[one.key], firing=turned == Turned.AGAIN)


def _concern(entry: Entry) -> Concern:
    body = entry.body
    return Concern(
        environment=body["environment"],
        host=entry.host,
        source=body["source"],
        since=entry.at,
        playbooks=tuple(body["playbooks"]),
        firing=not body["source"].startswith("schedule:"),
        seen=body["seen"],
        findings=tuple(Finding.model_validate(found) for found in body.get("found", ())),
    )


@dataclass(frozen=True)
class Memory:
    """What the service writes down.

    Attributes:
        journal: The audit log.
        header: The service's own in it: its id, who runs it.
    """

    journal: Journal
    header: RunHeader

    @property
    def run(self) -> str:
        """The service's own id."""
        return self.header.run

    def begin(self) -> None:
        """Write down that the service begins.

        Raises:
            JournalError: It cannot be written down.
        """
        self.journal.begin(self.header)

    def recall(self) -> Remembered:
        """Return what earlier services left.

        Raises:
            JournalError: The log cannot be read.
        """
        return remembered(self.journal.of_kinds(KINDS), self.journal.runs())

    def note(self, note: Note) -> None:
        """Write down what became of a concern.

        Raises:
            JournalError: It cannot be written down.
        """
        one = note.concern
        body: dict[str, Json] = {
            "environment": one.environment,
            "turned": note.turned.value,
            "source": one.source,
            "seen": one.seen,
            "told": one.told,
            "tries": one.tries,
            "playbooks": list(one.playbooks),
            "found": [finding.model_dump(mode="json") for finding in one.findings],
        }
        self.journal.append(self.run, one.host, "concern", body)

    def end_calls(self, now: float) -> tuple[str, ...]:
        """End the incidents that a person was called for and that are over: the same again calls them anew.

        Args:
            now: Seconds since the epoch.

        Returns:
            What is over, in words.

        Raises:
            JournalError: The log cannot be read or written.
        """
        called = called_for(self.journal.of_kinds(ESCALATIONS), now)
        if not called:
            return ()  # as a rule
        begun = min(entry.seq for run in {one.run for one in called} for entry in self.journal.entries(run))
        over = calls_over(called, self.journal.of_kinds({"concern"}, begun), now)
        for fault in over:
            why = f"{fault}: our own looks find it gone"
            body: dict[str, Json] = {"fingerprint": fault.model_dump(), "state": "closed", "why": why}
            self.journal.append(self.run, fault.target, INCIDENT, body)
        return tuple(map(str, over))

    def call(self, note: Note, inventory: Inventory, now: float, topic: str = "") -> str:
        """Write down, as a run of its own that found no cure, what a person is to be called for; return its id.

        Args:
            note: What healing is no help for.
            inventory: The environment's.
            now: Seconds since the epoch.
            topic: Whom the playbook wants called that found it; empty where none did.

        Raises:
            JournalError: It cannot be written down.
        """
        one, run = note.concern, new_run_id(now)
        said = why(one, inventory)
        about = {
            "run": run,
            "command": "run",
            "playbook": one.source,
            "hosts": (one.host,),
            "environment": inventory.environment,
            "inventory_path": str(inventory.path.absolute()),
            "inventory_digest": inventory.digest,
            "reason": f"watch: {said}",
        }
        body = record(one, inventory, self.journal.runs(), topic)
        self.journal.begin(self.header.model_copy(update=about))
        self.journal.append(run, one.host, "looked", body)
        self.journal.ended(run, one.host, Outcome.NO_CURE, f"{said}: {one.seen}")
        return run

    def schedules(self, environment: str, name: str, since: Since) -> None:
        """Write down how something that is scheduled is written from now on.

        Raises:
            JournalError: It cannot be written down.
        """
        body: dict[str, Json] = {"environment": environment, "name": name}
        self.journal.append(self.run, "", "scheduled", {**body, "cron": since.cron, "zone": since.zone})

    def begins(self, errand: Errand, served: float) -> None:
        """Write down that something that is scheduled begins.

        Args:
            errand: What is done.
            served: The moment up to which it is done with by that, seconds since the epoch.

        Raises:
            JournalError: It cannot be written down.
        """
        body: dict[str, Json] = {"environment": errand.environment, "name": errand.name, "served": served}
        self.journal.append(self.run, "", "scheduled", body)

    def called_in(self, now: float) -> frozenset[str]:
        """Return the environments in which a person was called for something that is not over.

        Args:
            now: Seconds since the epoch.

        Raises:
            JournalError: The log cannot be read.
        """
        escalations = tuple(self.journal.of_kinds(ESCALATIONS))
        if not not_over(escalations, now):
            return frozenset()  # as a rule
        still = open_incidents(escalations, self.journal.runs(), now)
        return frozenset(one.environment for incident in still for one in incident.escalations)
