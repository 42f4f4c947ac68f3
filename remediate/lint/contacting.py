"""Rules about whom an inventory has called: somebody, for everything, who can be told. They call nobody."""

from collections.abc import Iterator

from remediate.lint.environments import Surroundings
from remediate.lint.rule import Flaw, Rule, Weight
from remediate.playbook import Playbook
from remediate.text.suggest import did_you_mean


def _untold(seen: Surroundings) -> Iterator[Flaw]:
    contacts = seen.inventory.contacts
    if contacts and not any(one.notify for one in contacts):
        yield seen.flaw(("contacts",), "none of them has `notify`", key=True)


def _for_some_things_alone(seen: Surroundings) -> Iterator[Flaw]:
    contacts = seen.inventory.contacts
    if contacts and all(one.topics for one in contacts):
        topics = ", ".join(sorted({topic for one in contacts for topic in one.topics}))
        yield seen.flaw(("contacts",), f"nobody is for what is not about {topics}", key=True)


def _for_nothing(seen: Surroundings) -> Iterator[Flaw]:
    if seen.books is None:
        return
    said = {book.escalate for book in seen.books.values() if isinstance(book, Playbook)} - {""}
    known = said | seen.topics
    for number, one in enumerate(seen.document.value.get("contacts") or ()):
        for index, topic in enumerate(one.get("for") or ()):
            if topic not in known:
                place = ("contacts", number, "for", index)
                yield seen.flaw(place, f"no playbook says `escalate: {topic}`; {did_you_mean(topic, known)}")


_LEAD = "- {level: 1, name: Team Lead, notify: [{env: LEAD_URL}]}"
_DATABASE = "level: 2, name: Database Administrator, notify: [{env: PAGER_URL}]"

RULES: tuple[Rule[Surroundings], ...] = (
    Rule(
        "RM706", "nobody-can-be-told", Weight.WARNING,
        "`escalate` and `watch` only write down whose turn it is: at night nobody reads that.",
        "`notify: [{env: LEAD_URL}]`: URLs of apprise, by reference (docs/ESCALATION.md).",
        "contacts:\n  - {level: 1, name: Team Lead, how: by telephone}\n", f"contacts:\n  {_LEAD}\n", _untold,
    ),
    Rule(
        "RM707", "nobody-for-the-rest", Weight.WARNING,
        "A contact with `for` is meant for that alone: who is called for anything else, nobody has decided.",
        "Write somebody without `for`.",
        f"contacts:\n  - {{{_DATABASE}, for: [database]}}\n",
        f"contacts:\n  {_LEAD}\n  - {{{_DATABASE}, for: [database]}}\n", _for_some_things_alone,
    ),
    Rule(
        "RM708", "for-what-nothing-is-about", Weight.WARNING,
        "What an incident is about, a playbook's `escalate:` says, or it is database, corruption or security:"
        " whoever is only for another word is not called for what is meant, but by `escalate --about`.",
        "Write the playbook's word; or allow it, where people say it.",
        f"contacts:\n  {_LEAD}\n  - {{{_DATABASE}, for: [databse]}}\n",
        f"contacts:\n  {_LEAD}\n  - {{{_DATABASE}, for: [database]}}\n", _for_nothing,
    ),
)  # fmt: skip
