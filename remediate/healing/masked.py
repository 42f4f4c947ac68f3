"""What healing came to, with every secret in its texts replaced: before it is cut, escaped or shown. Pure.

What is cut or escaped first may be masked no more: a masker knows secrets as programs print them, not as our pages do.
"""

from collections.abc import Callable, Iterable

from remediate.healing.healed import Healed, HostEnd, Treated
from remediate.healing.verdict import Ruling


def masked(healed: Healed, mask: Callable[[str], str]) -> Healed:
    """Return what healing came to without secrets; names of faults, hosts, runs and conditions stay.

    Args:
        healed: What it came to.
        mask: Replaces secrets in a text.
    """
    hosts = {host: HostEnd(outcome=end.outcome, why=mask(end.why)) for host, end in healed.hosts.items()}
    known = {
        "faults": tuple(_treated(one, mask) for one in healed.faults),
        "hosts": hosts,
        "reasons": _lines(healed.reasons, mask),
        "cut_short": mask(healed.cut_short),
    }
    return healed.model_copy(update=known)


def _treated(one: Treated, mask: Callable[[str], str]) -> Treated:
    texts = {name: mask(getattr(one, name)) for name in ("title", "why", "todo", "output")}
    evidence = tuple(_lines(lines, mask) for lines in one.evidence)
    known = {"seen": _lines(one.seen, mask), "evidence": evidence, "ruling": _ruling(one.ruling, mask)}
    return one.model_copy(update={**texts, **known})


def _ruling(ruling: Ruling, mask: Callable[[str], str]) -> Ruling:
    told = tuple(one.model_copy(update={"said": mask(one.said)}) for one in ruling.conditions)
    return ruling.model_copy(update={"conditions": told})


def _lines(lines: Iterable[str], mask: Callable[[str], str]) -> tuple[str, ...]:
    return tuple(map(mask, lines))
