"""Rules about what an inventory has watched: that it is there, and that it can end. They look at nothing.

`watch` refuses much of this when it starts; who checks a file hears it before.
"""

from collections.abc import Iterator, Sequence

from remediate.errors import UsageError
from remediate.inventory import Host
from remediate.inventory.watch import RulesText
from remediate.lint.environments import Surroundings
from remediate.lint.rule import Flaw, Rule, Weight
from remediate.playbook import Playbook
from remediate.text.strict_yaml import Place
from remediate.text.suggest import did_you_mean
from remediate.text.templates import TemplateFault, read_template


def _nowhere(seen: Surroundings) -> Iterator[Flaw]:
    watch = seen.inventory.watch
    for name, alert in watch.alerts.items():
        if alert.on:
            yield from _unmet(seen, ("watch", "alerts", name, "on"), alert.on)
    for name, one in watch.schedule.items():
        book = seen.book(one.playbook)
        place: Place = ("watch", "schedule", name, "on" if one.on else "playbook")
        if one.on or book:
            yield from _unmet(seen, place, one.on or (book.group,) if book else one.on, book)


def _unmet(
    seen: Surroundings, place: Place, on: Sequence[str], book: Playbook | None = None
) -> Iterator[Flaw]:
    try:
        strangers = _strangers(seen.inventory.select(on), book)
    except UsageError as error:
        yield seen.flaw(place, f"{error.where}: {error.what}; {error.todo}")
        return
    if strangers and book:
        named = ", ".join(host.name for host in strangers)
        yield seen.flaw(place, f"{book.name} is for {book.group}, and that is not the group of {named}")


def _strangers(hosts: Sequence[Host], book: Playbook | None) -> Sequence[Host]:
    return [host for host in hosts if book and host.group != book.group]


def _runs_nothing(seen: Surroundings) -> Iterator[Flaw]:
    for place, name, tool in _named(seen):
        if seen.books is not None and (why := _useless(seen, name, tool=tool)):
            yield seen.flaw(place, why)


def _named(seen: Surroundings) -> Iterator[tuple[Place, str, bool | None]]:
    """Yield each playbook that is written, where, and whether it must be a tool; None: it may be either."""
    watch = seen.inventory.watch
    health: Place = ("watch", "rules", "health", "tool")
    if watch.rules.health and health in seen.document.values:
        yield health, watch.rules.health.tool, True
    for name, alert in watch.alerts.items():
        for index, playbook in enumerate(alert.playbooks):
            yield ("watch", "alerts", name, "playbooks", index), playbook, False
    for name, one in watch.schedule.items():
        yield ("watch", "schedule", name, "playbook"), one.playbook, None


def _useless(seen: Surroundings, name: str, *, tool: bool | None) -> str:
    """Return why a playbook cannot be run there; empty where it can, or is named by its path."""
    books = seen.books or {}
    if "/" in name or name.endswith((".yml", ".yaml")):
        return ""
    if name not in books:
        return f"there is no playbook `{name}`; {did_you_mean(name, books)}"
    if (book := seen.book(name)) is None:
        return f"the playbook `{name}` is refused itself; check it"
    if tool is not None and book.tool is not tool:
        return f"`{name}` is no tool" if tool else f"`{name}` is a tool: it cures nothing"
    if book.tool and name not in seen.tools and tool is None:
        return f"`{name}` is a tool that is no command; these are: {', '.join(sorted(seen.tools))}"
    return ""


def _endless(seen: Surroundings) -> Iterator[Flaw]:
    watch = seen.inventory.watch
    if watch.alerts and not any(getattr(watch.rules, name) for name in RulesText.model_fields):
        yield seen.flaw(("watch", "alerts"), "no rule is on that could see an alert's cause gone", key=True)


def _long_jitter(seen: Surroundings) -> Iterator[Flaw]:
    watch = seen.inventory.watch
    if watch.jitter > watch.every and ("watch", "jitter") in seen.document.values:
        what = f"{watch.jitter:g} s, and each host is looked at every {watch.every:g} s"
        yield seen.flaw(("watch", "jitter"), what)


def _log_of_nobody(seen: Surroundings) -> Iterator[Flaw]:
    rules, requests = seen.inventory.watch.rules, seen.inventory.watch.requests
    queries = requests.prometheus
    written = queries.model_dump() if queries else {"log": requests.log}
    above: Place = ("watch", "requests", *(["prometheus"] if queries else []))
    for key, text in written.items():
        place = (*above, key)
        if (rules.errors or rules.slow) and place in seen.document.values:
            faults = [_fault(text, host) for host in seen.inventory.hosts]
            if all(faults):
                yield seen.flaw(place, f"on no host: {faults[0]}")


def _fault(text: str, host: Host) -> str:
    """Return why a template cannot be rendered for a host; empty where it can."""
    scope = {**host.scope, "window": "60s"}
    try:
        read_template(text, dict.fromkeys(scope)).render(scope)
    except TemplateFault as fault:
        return f"{fault.what}; {fault.todo}"
    return ""


def _watching(written: str) -> str:
    return f"watch:\n  {written}\n"


_MONTHLY = 'cron: "0 3 1 * *"'
_OFF = ", ".join(f"{name}: null" for name in RulesText.model_fields if name != "health")

RULES: tuple[Rule[Surroundings], ...] = (
    Rule(
        "RM709", "watched-nowhere", Weight.ERROR,
        "`watch` refuses to start, or to read it anew: a host or a group is not there, or what is scheduled is for"
        " another group.",
        "Name hosts and groups of this file.",
        _watching("alerts: {HighErrorRate: {on: [bakend]}}"), _watching("alerts: {HighErrorRate: {on: [backend]}}"),
        _nowhere,
    ),
    Rule(
        "RM710", "watch-runs-nothing", Weight.ERROR,
        "`watch` refuses to start, or to read it anew: a playbook is not there, or not of the kind that is run so.",
        "Name a playbook of the folder: for an alert one that cures, for the rule `health` a tool.",
        _watching(f"schedule: {{monthly: {{playbook: vacuumm, {_MONTHLY}}}}}"),
        _watching(f"schedule: {{monthly: {{playbook: vacuum, {_MONTHLY}}}}}"), _runs_nothing,
    ),
    Rule(
        "RM711", "alerts-without-end", Weight.ERROR,
        "What a sender takes back, only our own look closes; where no rule looks, no incident of an alert ever ends.",
        "Switch a rule on: `health: {}`.",
        _watching(f"rules: {{{_OFF}, health: null}}\n  alerts: {{HighErrorRate: {{}}}}"),
        _watching(f"rules: {{{_OFF}, health: {{}}}}\n  alerts: {{HighErrorRate: {{}}}}"), _endless,
    ),
    Rule(
        "RM712", "jitter-longer-than-its-turn", Weight.WARNING,
        "`jitter` spreads the hosts' looks over the time between two; more of it only has the first look wait.",
        "At most as long as `every`.",
        _watching("every: 30s\n  jitter: 5m"), _watching("every: 30s\n  jitter: 30s"), _long_jitter,
    ),
    Rule(
        "RM713", "requests-of-nobody", Weight.WARNING,
        "Where a name in it is not known on any host, no request is ever counted, and `errors` and `slow` never fire.",
        "Write what the hosts' `vars` have.",
        _watching('requests: {log: "/var/log/{{ app.nmae }}.log"}'),
        _watching('requests: {log: "/var/log/{{ app.name }}.log"}'), _log_of_nobody,
    ),
)  # fmt: skip
