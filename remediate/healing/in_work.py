"""The brakes of who else is at work: on the same host or fault, and on how many hosts of the group. Pure.

Where a process lives, its end can be waited for; what a dead one left half-way, a person or the next healer there ends.
"""

from remediate.healing.verdict import Condition
from remediate.healing.wish import Wish


def alone(wish: Wish) -> Condition:
    """Return whether nobody else is at the same host, or at the same fault."""
    others = [one for one in wish.in_work if wish.host == one.host or wish.fingerprint == one.fingerprint]
    dead = [one for one in others if one.run not in wish.living]
    said = "; ".join(f"run {one.run} is at {one.fingerprint}" for one in others if one not in dead)
    if dead:
        said = f"run {dead[0].run} was at {dead[0].fingerprint}, {_left_by(dead[0].run)}"
    runs = () if dead else tuple(one.run for one in others)
    return Condition(
        name="nobody else is at it", holds=not others, said=said or "nobody else is at it", waits_for=runs
    )


def _left_by(dead: str) -> str:
    return f"its process is gone: remediate rollback {dead} puts back what it left"


def few_in_work(wish: Wish) -> Condition:
    """Return whether fewer of the group's other hosts are in work than the policy allows, a healer's or a person's."""
    allowed = wish.auto.hosts_at_once
    healers = {one.host: one.run for one in wish.in_work if one.group == wish.group}
    others = {host: run for host, run in {**wish.people, **healers}.items() if host != wish.host}
    dead = {host for host, run in others.items() if run not in wish.living}
    named = ", ".join(
        f"{host} by run {run}" + (f", {_left_by(run)}" if host in dead else "")
        for host, run in sorted(others.items())
    )
    said = f"{len(others)} other hosts of {wish.group} are in work" + (f" ({named})" if named else "")
    holds = len(others) < allowed
    passes = not holds and len(dead) < allowed
    return Condition(
        name="few hosts are in work",
        holds=holds,
        said=f"{said}, the policy allows {allowed} at once",
        waits_for=tuple(run for host, run in others.items() if passes and host not in dead),
    )
