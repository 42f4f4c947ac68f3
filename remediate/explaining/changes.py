"""What is said of changes: how true their previews are, how they are put back, what others notice. It makes none."""

from collections.abc import Iterator, Mapping, Sequence

from remediate.explaining.told import ToldChange
from remediate.explaining.wording import listed


def how_far_back(changes: Sequence[ToldChange]) -> str:
    """Return how far a cure can be taken back, in a sentence."""
    never = [change for change in changes if set(change.back) == {"none"}]
    perhaps = [change for change in changes if "none" in change.back and change not in never]
    if len(never) == len(changes):
        return "Nothing that it does can be taken back."
    if never or perhaps:
        parts = (_not_back(never, "cannot be taken back"), _not_back(perhaps, "cannot always be taken back"))
        return f"All of it can be taken back, but for this: {'; '.join(filter(None, parts))}."
    return "All of it can be taken back."


def _not_back(changes: Sequence[ToldChange], what: str) -> str:
    return f"{listed([f'“{change.name}”' for change in changes])} {what}" if changes else ""


def more_about(change: ToldChange) -> Iterator[str]:
    """Return what a reviewer asks of a change, a sentence or two each."""
    if change.development_only:
        yield "It is refused in every environment whose inventory does not say `development: true`."
    if change.needs_found:
        yield "What exactly it is given is known once the fault was looked for."
    yield f"Shown beforehand {_joined(change.fidelity, _FIDELITY)}."
    yield f"{_way_back(change)}.{_when_put_back(change)}"
    if change.meanwhile:
        yield f"Meanwhile: {change.meanwhile}."
    if change.once_verified:
        yield "It is made once the cure has held; where it fails, it alone is put back."
    yield f"Risk: {listed(change.risks, 'or')}."


_FIDELITY = {
    "exact": "exactly",
    "rehearsed": "as it came out on a copy",
    "estimate": "as an estimate",
    "opaque": "only as a command",
}
_BACK = {"exact": "exactly", "equivalent": "to the same effect", "none": "not at all"}


def _way_back(change: ToldChange) -> str:
    if set(change.back) == {"none"}:
        return f"There is no way back{_why(change.back['none'])}"
    return f"Put back {_joined(change.back, _BACK)}"


def _joined(told: Mapping[str, str], words: Mapping[str, str]) -> str:
    return "; or ".join(f"{words[kind]}{_why(when)}" for kind, when in told.items())


def _why(when: str) -> str:
    return f" ({when})" if when.startswith("where") else f": {when}" if when else ""


def _when_put_back(change: ToldChange) -> str:
    return " That waits until what the steps before it have changed is put back." if change.undo_last else ""
