"""How healing ended on one host, from the last look at it and what was done there. Pure."""

from collections.abc import Sequence

from remediate.engine import Ending
from remediate.errors import Blocked
from remediate.healing.healed import HostEnd, Treated
from remediate.healing.reach import Orders, Seen
from remediate.healing.verdict import Verdict
from remediate.model import Outcome
from remediate.triage import Diagnosis, Presence

IN_VAIN = frozenset({Outcome.ROLLED_BACK, Outcome.KEPT})


def end_of(
    host: str,
    seen: Seen,
    faults: Sequence[Treated],
    stuck: Ending | None = None,
    vanished: str = "",
    *,
    no_more: str = "",
) -> HostEnd:
    """Return how it ended on a host.

    Args:
        host: Its name.
        seen: The last look at it.
        faults: What was met, on all hosts.
        stuck: How something that could not be put back ended there; None where there is no such thing.
        vanished: How a fault went that was seen there, and was gone before anything was done to it; empty: none did.
        no_more: Why nothing more was tried; empty where nothing was left to try.
    """
    if stuck:
        return HostEnd(outcome=Outcome.STUCK, why=stuck.why)
    if isinstance(seen, Blocked):
        return HostEnd(outcome=Outcome.BLOCKED, why=seen.what)
    if not seen:
        return HostEnd(outcome=Outcome.BLOCKED, why="nothing was asked, no playbook is for it")
    found = [one for one in seen if one.presence is Presence.FOUND]
    here = [one for one in faults if host in one.hosts]
    return _left(found, here, no_more) if found else _quiet(seen, here, vanished)


def why_no_more(orders: Orders, rounds: int, time_left: float, *, leaving: bool) -> str:
    """Return why nothing more is tried; empty where something could be.

    Args:
        orders: How far one may go.
        rounds: How often it was looked and tried.
        time_left: Seconds until all must be over.
        leaving: Whether it has been told to end.
    """
    if leaving:
        return "it was told to end"
    if rounds >= orders.rounds:
        return f"round {rounds} of {orders.rounds} was the last; `remediate heal` goes on"
    if time_left <= 0:
        return f"the {orders.within:.0f} s for healing were over; give it more with --within"
    return ""


def end_cut_short(host: str, faults: Sequence[Treated], why: str) -> HostEnd:
    """Return how it ended on a host at which nobody looked again after what was found, or done, there.

    Args:
        host: Its name.
        faults: What was met, on all hosts.
        why: What cut it short.
    """
    here = [one for one in faults if host in one.hosts]
    told = ", ".join(f"{one.fingerprint.playbook}: {_became(one)}" for one in here) or "nothing was done"
    return HostEnd(outcome=Outcome.NO_CURE, why=f"cut short ({why}) before another look: {told}")


def _became(one: Treated) -> str:
    if one.outcome is not None:
        return one.outcome.value
    return "nobody knows what became of its cure" if one.run else one.ruling.verdict.value


def _quiet(seen: Sequence[Diagnosis], here: Sequence[Treated], vanished: str) -> HostEnd:
    unknown = [one.playbook.name for one in seen if one.presence is Presence.UNKNOWN]
    if unknown:
        return HostEnd(
            outcome=Outcome.BLOCKED, why=f"nobody can say whether it is well: {', '.join(unknown)}"
        )
    healed = [one.fingerprint.playbook for one in here if one.healed]
    if healed:
        return HostEnd(outcome=Outcome.FIXED, why=f"healed: {', '.join(healed)}; nothing else is wrong")
    if in_vain := _worst_in_vain(here):
        return _end_in_vain(in_vain)
    gone = vanished or ("healthy on its own" if here else "")
    why = f"{gone}: nothing was changed" if gone else "nothing is wrong that a playbook knows"
    return HostEnd(outcome=Outcome.HEALTHY, why=why)


def _worst_in_vain(here: Sequence[Treated]) -> Treated | None:
    """Return a cure that was made in vain: rather one that was interrupted, for of that one nobody knows the worth."""
    in_vain = [one for one in here if one.outcome in IN_VAIN]
    return next((one for one in in_vain if one.interrupted), in_vain[0] if in_vain else None)


def _end_in_vain(one: Treated) -> HostEnd:
    """Return how a host ended whose cure did not hold; that one was interrupted says nothing against the release."""
    outcome = Outcome.NO_CURE if one.interrupted else one.outcome or Outcome.NO_CURE
    return HostEnd(outcome=outcome, why=f"{one.fingerprint.playbook}: {one.why}")


def _left(found: Sequence[Diagnosis], here: Sequence[Treated], no_more: str) -> HostEnd:
    names = ", ".join(one.playbook.name for one in found if not one.explained_by)
    if back := _worst_in_vain([one for one in here if one.outcome is Outcome.ROLLED_BACK]):
        return _end_in_vain(back)
    roots = {one.playbook.name for one in found if not one.explained_by}
    planned = {one.fingerprint.playbook for one in here if one.plan}
    if roots <= planned and all(one.ruling.verdict is not Verdict.ESCALATE for one in here):
        return HostEnd(outcome=Outcome.PLANNED, why=f"a plan was left for: {names}")
    tried = {one.fingerprint.playbook for one in here if not one.gone}
    untried = ", ".join(one.playbook.name for one in found if one.playbook.name in roots - tried)
    late = f" (nothing was tried against {untried}: {no_more})" if untried and no_more else ""
    return HostEnd(outcome=Outcome.NO_CURE, why=f"a person is needed for: {names}{late}")
