"""Signatures over a plan: whose they are, and which of them count. It asks nobody and signs nothing itself."""

import re
import tempfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from remediate.errors import UsageError
from remediate.journal import Operator
from remediate.questions import Value
from remediate.review.document import FORM, PlanDocument
from remediate.signatures import judged_signature, signer_of

NAMESPACE = "remediate-plan"
"""What such a signature is for (PROTOCOL.sshsig): one that was made for git, or for a log, is none of a plan."""
_ARMORED = re.compile(r"-----BEGIN SSH SIGNATURE-----\n.*?-----END SSH SIGNATURE-----\n", re.DOTALL)
LARGEST = 1024 * 1024
"""Bytes of a file of signatures."""


class Approval(Value):
    """One person's signature over a plan.

    Attributes:
        principal: Who signed, by the name that the file of approvers has.
        key: Fingerprint of their key.
        signature: Armored.
    """

    principal: str
    key: str
    signature: str


@dataclass(frozen=True)
class Approvals:
    """What the signatures beside a plan amount to.

    Attributes:
        counted: Those that count, one of each person.
        refused: What speaks against each of the others, in a line.
    """

    counted: tuple[Approval, ...] = ()
    refused: tuple[str, ...] = ()


@dataclass(frozen=True)
class Applier:
    """Who applies a plan, and may therefore not approve it.

    Attributes:
        operator: As the audit log has them.
        keys: Fingerprints of the keys that they log in with, or have at hand.
    """

    operator: Operator
    keys: frozenset[str]

    def is_(self, principal: str, key: str) -> bool:
        """Tell whether a signature is theirs."""
        return key in self.keys or principal.partition("@")[0] == self.operator.user


def statement(document: PlanDocument) -> bytes:
    """Return what is signed: the form and the digest, which covers everything else."""
    return f"{FORM} {document.digest}\n".encode()


def signature_path(plan: Path) -> Path:
    """Return where the signatures over a plan are."""
    return plan.with_name(f"{plan.name}.sig")


def signatures_beside(plan: Path) -> tuple[str, ...]:
    """Return the signatures that lie beside a plan, in their order; none where there is no such file.

    Raises:
        UsageError: The file cannot be read, or holds something else.
    """
    path = signature_path(plan)
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST).decode("ascii", "replace").replace("\r\n", "\n")
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise UsageError(str(path), f"cannot be read ({error.strerror})", "see to the file") from error
    if _ARMORED.sub("", text).strip():
        raise UsageError(str(path), "holds more than signatures", "let `remediate approve` write it anew")
    return tuple(_ARMORED.findall(text))


def approvals(
    document: PlanDocument,
    signatures: Iterable[str],
    approvers: bytes,
    applier: Applier,
    environment: Mapping[str, str],
) -> Approvals:
    """Return which of the signatures count.

    Args:
        document: What they should be of.
        signatures: Armored.
        approvers: The content of the file of allowed signers that the plan was made for.
        applier: Whose do not count.
        environment: The process's variables.
    """
    with tempfile.TemporaryDirectory(prefix="remediate-") as folder:
        path = Path(folder) / "approvers"
        path.write_bytes(approvers)
        return _approvals(document, signatures, path, applier, environment)


def _approvals(
    document: PlanDocument,
    signatures: Iterable[str],
    approvers: Path,
    applier: Applier,
    environment: Mapping[str, str],
) -> Approvals:
    counted: dict[str, Approval] = {}
    refused = []
    for signature in signatures:
        key = signer_of(signature)
        verdict = judged_signature(statement(document), signature, approvers, environment, NAMESPACE)
        if verdict.fault:
            refused.append(f"the signature by {key or 'nobody'} does not count: {_fault(verdict.fault)}")
        elif applier.is_(verdict.principal, key):
            refused.append(
                f"the signature of {verdict.principal} does not count: whoever applies a plan signs it in vain"
            )
        else:
            approval = Approval(principal=verdict.principal, key=key, signature=signature)
            counted.setdefault(verdict.principal, approval)
    return Approvals(tuple(counted.values()), tuple(refused))


def _fault(fault: str) -> str:
    if "allows" in fault:
        return "its key is none that the approvers' file allows for plans"
    return fault.replace("of this content", "of this plan: it is another plan's, or the plan was made anew")


def without(signatures: Collection[str], key: str) -> tuple[str, ...]:
    """Return the signatures but for those by a key: it signs anew."""
    return tuple(one for one in signatures if signer_of(one) != key)
