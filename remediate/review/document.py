"""A plan for one or more hosts as one file: what was found, what would be changed, by what it is known again.

It is JSON, in one form only: whoever alters a byte of it makes it another document. No host is in reach here, and no
secret is in it: texts are masked before they come here.
"""

import json
from pathlib import Path
from typing import Literal, Self, TypeAlias

from pydantic import Field, ValidationError, model_validator

from remediate.errors import UsageError
from remediate.journal import Operator
from remediate.model import Change, Finding, Json, Outcome, digest_of
from remediate.questions import Value

Form: TypeAlias = Literal["remediate-plan/1"]
FORM: Form = "remediate-plan/1"
LARGEST = 64 * 1024 * 1024
"""Bytes that a plan may have; no plan that people review is longer."""

LONGEST_LIFE = 30 * 24 * 3600.0
"""Seconds: a plan that is older tells nothing of a host, whatever is compared."""


class Asked(Value):
    """A question that was asked, and enough of its answer to see whether it is answered differently now.

    Attributes:
        about: The facts that the answer depends on.
        asked: What was asked, in one line.
        mark: A keyed fingerprint of the answer; only who has the key can make it, or compare it.
        told: What can be told of the answer without showing it: how long it is, since when, which exit code.
    """

    about: tuple[str, ...]
    asked: str
    mark: str
    told: str


class PlannedStep(Value):
    """One fix with the changes it would make, as they are shown.

    Attributes:
        step: The step's name in the playbook.
        action: `provider.verb`.
        changes: In order; without what only the action itself needs.
        marks: For each change a keyed fingerprint of all that it is, also of what is not shown.
    """

    step: str
    action: str
    changes: tuple[Change, ...]
    marks: tuple[str, ...]


class PlannedHost(Value):
    """What would be done on one host.

    Attributes:
        host: Its name in the inventory.
        host_key: Fingerprint of its key; empty where it was not reached.
        machine: Its machine id; empty where it has none, or was not reached.
        database: Identity of its database (system identifier and oid); empty where none is used.
        outcome: `planned` where there is something to do.
        why: Why not, where it is something else.
        mark: A keyed fingerprint of this host's whole plan, also of what is not shown; empty where there is none.
        findings: What was found.
        fixes: In order.
        say: What the playbook wants the operator told.
        asked: The questions that it was planned on.
    """

    host: str
    host_key: str = ""
    machine: str = ""
    database: str = ""
    outcome: Outcome
    why: str = ""
    mark: str = ""
    findings: tuple[Finding, ...] = ()
    fixes: tuple[PlannedStep, ...] = ()
    say: str = ""
    asked: tuple[Asked, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes of all fixes, in order."""
        return tuple(change for fix in self.fixes for change in fix.changes)


class PlanDocument(Value):
    """A plan for one or more hosts.

    Attributes:
        form: The form's name and version.
        version: The version of this tool that made it; no other one carries it out.
        made: Seconds since the epoch, on the clock of the machine where it was made.
        expires: Seconds since the epoch from which on it is not carried out any more.
        made_by: Who made it, and where.
        reason: Why, as they said.
        environment: The inventory's environment.
        inventory_digest: SHA-256 of its text.
        approvers_digest: SHA-256 of the file of approvers that its policy names; empty where it names none.
        playbook: The playbook's name.
        playbook_digest: SHA-256 of its text with its parts.
        title: What the playbook is for.
        risk: What it says of its risk.
        variables: What was given as `--var`.
        key: Which key the marks and the seal are made with.
        hosts: In the order in which they would be changed.
    """

    form: Form = FORM
    version: str
    made: float = Field(ge=0, allow_inf_nan=False)
    expires: float = Field(ge=0, allow_inf_nan=False)
    made_by: Operator
    reason: str = ""
    environment: str
    inventory_digest: str
    approvers_digest: str = ""
    playbook: str
    playbook_digest: str
    title: str
    risk: str = ""
    variables: dict[str, str] = {}
    key: str = ""
    hosts: tuple[PlannedHost, ...]

    @model_validator(mode="after")
    def _lives_for_a_while(self) -> Self:
        if not 0 < self.expires - self.made <= LONGEST_LIFE:
            raise ValueError("must expire within 30 days")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 over all of it, in hex. This is what a reviewer signs."""
        return digest_of(self.model_dump(mode="json"))

    @property
    def planned(self) -> tuple[PlannedHost, ...]:
        """The hosts on which there is something to do."""
        return tuple(host for host in self.hosts if host.outcome is Outcome.PLANNED)

    @property
    def databases(self) -> dict[str, tuple[str, ...]]:
        """Each database by its identity, with the hosts that share it."""
        names = dict.fromkeys(host.database for host in self.hosts if host.database)
        return {name: tuple(host.host for host in self.hosts if host.database == name) for name in names}


def written_document(document: PlanDocument, seal: str) -> str:
    """Return the one text of a document, with its digest and the seal over that."""
    value: dict[str, Json] = {**document.model_dump(mode="json"), "digest": document.digest, "seal": seal}
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=True) + "\n"


class Sealed(Value):
    """A document as a file has it.

    Attributes:
        document: The document.
        seal: A keyed fingerprint of its digest; only who has the key can make it, or tell whether it is right.
    """

    document: PlanDocument
    seal: str


def read_document(path: Path) -> Sealed:
    """Return the document of a file, with its seal, which is not judged here.

    Raises:
        UsageError: It cannot be read, is none, is of another form, or somebody altered it.
    """
    text = _text_of(path)
    try:
        value = json.loads(text)
        claimed, seal = value.pop("digest"), value.pop("seal")
        form = value["form"]
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError) as error:
        todo = "give one that `remediate plan -o FILE` wrote"
        raise UsageError(str(path), "is no plan", todo) from error
    if form != FORM:
        what = f"is a plan of the form {json.dumps(form)[:60]}, this version reads {FORM}"
        raise UsageError(str(path), what, "make it anew with this version")
    try:
        document = PlanDocument.model_validate_json(json.dumps(value))
    except ValidationError as error:
        raise _altered(path) from error
    if claimed != document.digest or not isinstance(seal, str) or text != written_document(document, seal):
        raise _altered(path)
    return Sealed(document=document, seal=seal)


def _altered(path: Path) -> UsageError:
    return UsageError(
        str(path), "is not as it was written: somebody altered it", "make it anew: remediate plan"
    )


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise UsageError(
                str(path), "is too long to be a plan", "give one that `remediate plan -o FILE` wrote"
            )
        return content.decode()
    except OSError as error:
        raise UsageError(str(path), f"cannot be read ({error.strerror})", "give a plan's file") from error
    except UnicodeDecodeError as error:
        raise UsageError(str(path), "is no plan", "give one that `remediate plan -o FILE` wrote") from error
