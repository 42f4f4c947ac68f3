"""The incidents of one environment: opened when a fault is met, closed by a look of our own. It cures nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

from remediate.errors import Blocked
from remediate.healing.history import INCIDENT, Fingerprint, Incident
from remediate.healing.reach import Seen
from remediate.healing.ruling import Ruler
from remediate.journal import Journal
from remediate.triage import Diagnosis, Presence


@dataclass(frozen=True)
class Incidents:
    """What is written down of faults, from when they are first seen until they are gone.

    Attributes:
        ruler: Reads the history.
        journal: The audit log.
        run: The round-trip that sees them.
    """

    ruler: Ruler
    journal: Journal
    run: str

    def open(self, host: str, fingerprint: Fingerprint, diagnosis: Diagnosis) -> float:
        """Return since when a fault is known; a new one opens its incident, unless plans are only proposed.

        Raises:
            JournalError: The audit log cannot be read or written.
        """
        incident = self.ruler.history().incidents.get(fingerprint)
        if incident:
            return incident.since
        if not self.ruler.orders.proposing:
            self._note(host, fingerprint, "opened", f"{fingerprint}: {diagnosis.playbook.title}")
        return self.ruler.clock.wall()

    def close_gone(self, seen: Mapping[str, Seen]) -> None:
        """Close what a look finds gone: not what somebody says is over.

        Raises:
            JournalError: The audit log cannot be read or written.
        """
        if self.ruler.orders.proposing:
            return
        for incident in self.ruler.history().incidents.values():
            ours = incident.fingerprint.environment == self.ruler.orders.environment
            if ours and _is_gone(incident, seen):
                why = f"{incident.fingerprint}: a look finds it gone"
                self._note(incident.host, incident.fingerprint, "closed", why)

    def _note(self, host: str, fingerprint: Fingerprint, state: str, why: str) -> None:
        body = {"fingerprint": fingerprint.model_dump(), "state": state, "why": why}
        self.journal.append(self.run, host, INCIDENT, body)


def _is_gone(incident: Incident, seen: Mapping[str, Seen]) -> bool:
    found = seen.get(incident.host, ())
    return not isinstance(found, Blocked) and any(
        one.playbook.name == incident.fingerprint.playbook and one.presence is Presence.HEALTHY
        for one in found
    )
