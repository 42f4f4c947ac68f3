"""What an environment's policy says to a plan, decided in one place. Pure: it asks nobody and stops nothing itself."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from remediate.hazard import Hazard, Severity
from remediate.inventory import Policy
from remediate.model import Change, Fidelity, Plan, WayBack
from remediate.steps import Action


@dataclass(frozen=True)
class Signatures:
    """The signatures over what is to be done.

    Attributes:
        by: Who signed, each once; none of them is who carries it out.
        document: Whether there is a plan document that could be signed.
    """

    by: tuple[str, ...] = ()
    document: bool = False


UNSIGNED = Signatures()
_COUNTED = "sql.update_rows, sql.delete_rows and sql.insert_rows count them, where no trigger fires"


def refusals(
    plans: Sequence[Plan],
    policy: Policy,
    reason: str,
    *,
    development: bool = False,
    signatures: Signatures = UNSIGNED,
) -> tuple[str, ...]:
    """Return why these plans may not be carried out, one line each; none where they may.

    Args:
        plans: One a host.
        policy: The environment's policy.
        reason: What the operator gave as `--reason`.
        development: Whether what lives in the environment may be lost.
        signatures: Those over a plan document.
    """
    return (
        *_reason(policy, reason),
        *_approvals(plans, policy, signatures),
        *_hosts(plans, policy),
        *(line for plan in plans for line in _forbidden(plan, policy)),
        *(line for plan in plans for line in _too_many_rows(plan, policy)),
        *(line for plan in plans for line in _hazardous(plan, policy, development=development)),
    )


def _reason(policy: Policy, reason: str) -> tuple[str, ...]:
    if policy.reason == "required" and not reason.strip():
        return ("the policy wants a reason: give --reason",)
    return ()


def _approvals(plans: Sequence[Plan], policy: Policy, signatures: Signatures) -> tuple[str, ...]:
    wanted = approvals_wanted(plans, policy) if plans else 0
    if len(signatures.by) >= wanted:
        return ()
    signed = f", {len(signatures.by)} signed ({', '.join(signatures.by)})" if signatures.by else ""
    if signatures.document:
        todo = "have it signed: remediate approve PLAN"
    else:
        todo = "write it down with `remediate plan … -o FILE`, have it signed with `approve`, then `apply` it"
    return (f"the policy wants {wanted} approval{'s' * (wanted != 1)} of this plan{signed}: {todo}",)


def approvals_wanted(plans: Sequence[Plan], policy: Policy) -> int:
    """Return how many people other than the operator must have signed these plans."""
    kinds = {kind for plan in plans for change in plan.changes for kind in _kinds(change)}
    kinds |= {plan.playbook for plan in plans}
    return max(policy.approvals, *(policy.approvals_for.get(kind, 0) for kind in kinds), 0)


def _kinds(change: Change) -> Iterator[str]:
    yield change.risk
    if change.fidelity is Fidelity.OPAQUE:
        yield "opaque"
    if change.way_back is WayBack.NONE:
        yield "no-way-back"


def _hosts(plans: Sequence[Plan], policy: Policy) -> tuple[str, ...]:
    if policy.hosts_at_once and len(plans) > policy.hosts_at_once:
        return (
            f"{len(plans)} hosts at once, the policy allows {policy.hosts_at_once}: name fewer with --on",
        )
    return ()


def _forbidden(plan: Plan, policy: Policy) -> tuple[str, ...]:
    lines = []
    for change in plan.changes:
        forbidden = set(policy.forbid) & set(_kinds(change))
        if "opaque" in forbidden:
            lines.append(f"{plan.host}: “{change.what}” is opaque, which the policy forbids")
        if "no-way-back" in forbidden:
            lines.append(f"{plan.host}: “{change.what}” has no way back, which the policy forbids")
    return tuple(lines)


def _too_many_rows(plan: Plan, policy: Policy) -> Iterator[str]:
    """Yield which steps write more rows than the policy allows: all batches of a step count as one change.

    What cannot be counted beforehand counts as too many, unless the policy says otherwise.
    """
    if policy.max_rows is None:
        return
    for fix in plan.fixes:
        if fix.rows is not None and fix.rows > policy.max_rows:
            yield f"{plan.host}: “{fix.step}” writes {fix.rows} rows, the policy allows {policy.max_rows}: mean fewer"
        elif fix.rows is None and policy.uncounted_rows == "refuse":
            what = f"{plan.host}: nobody can tell beforehand how many rows “{fix.step}” ({fix.action}) writes"
            yield f"{what}, the policy allows {policy.max_rows}: {_COUNTED}"


def _hazardous(plan: Plan, policy: Policy, *, development: bool) -> tuple[str, ...]:
    stops = frozenset({Severity.STOP, Severity(policy.refuse)})
    return tuple(
        f"{plan.host}: “{change.what}”: {hazard}; {_way_out(hazard)}"
        for change in plan.changes
        for hazard in change.hazards
        if hazard.refused(stops, development=development)
    )


def _way_out(hazard: Hazard) -> str:
    if hazard.final:
        return "this is refused outside `development: true`, whatever the step allows, and inside it unless it does"
    return f"if it must be, `allow: [{hazard.rule}]` at the step"


DEVELOPMENT_TODO = "run it where the inventory says `development: true`"


def outside_development(
    fixes: Iterable[tuple[str, type[Action]]], environment: str, *, development: bool
) -> str:
    """Return why no plan may be made of these fixes in an environment, in a clause; empty where one may.

    Args:
        fixes: Each step's name and its action.
        environment: The environment's name.
        development: Whether its inventory says that what lives there may be lost.
    """
    if development:
        return ""
    only = next(((name, action.kind) for name, action in fixes if action.development_only), None)
    return f"“{only[0]}” ({only[1]}) is for development alone, and {environment} is none" if only else ""
