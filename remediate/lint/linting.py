"""Files -> remarks: every rule played over each playbook and inventory, and what comments allow. It reaches no host."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from remediate.errors import UsageError
from remediate.inventory import Inventory, load_inventory
from remediate.lint.allowing import Allowance, allowances_in
from remediate.lint.blotting import blotted
from remediate.lint.book import Book
from remediate.lint.environments import Surroundings
from remediate.lint.places import Spot, spot_of
from remediate.lint.rule import Flaw, Remark, Rule
from remediate.lint.rules import ALLOW_RULES, BOOK_RULES, ENVIRONMENT_RULES, LOADING, RULES, TEXT_RULES
from remediate.playbook import Playbook, load_playbook
from remediate.playbook.sections import Catalogue
from remediate.policy import DEVELOPMENT_TODO, outside_development
from remediate.text.strict_yaml import Document, read_yaml

MOST = 100
"""Remarks of one rule on one file that are told: who has as many mends them, and looks again."""
_REFUSED, _NOWHERE = LOADING
_UNKNOWN, _UNREASONED, _IDLE = ALLOW_RULES


@dataclass(frozen=True)
class Linted:
    """What was found in one file.

    Attributes:
        path: The file.
        remarks: In the order of their lines, those that a comment allows among them.
        refused: Whether it could not even be loaded.
        documents: What was read for it: the file, and the parts it uses.
        again: Those of the remarks that a file before it has, too: they are about a part that both use.
    """

    path: Path
    remarks: tuple[Remark, ...]
    refused: bool = False
    documents: tuple[Document, ...] = ()
    again: frozenset[Remark] = frozenset()

    @property
    def told(self) -> tuple[Remark, ...]:
        """What there is to say that was not said of a file before it, and that no comment allows."""
        return tuple(one for one in self.remarks if not one.allowed and one not in self.again)

    @property
    def told_above(self) -> tuple[Remark, ...]:
        """What is as wrong here, and was said of a file before it."""
        return tuple(one for one in self.remarks if not one.allowed and one in self.again)


@dataclass(frozen=True)
class Beside:
    """What inventories are read with.

    Attributes:
        playbooks: The folder of the playbooks that they name.
        tools: The tools that are commands.
        topics: What an incident may be about, whatever playbooks say.
    """

    playbooks: Path
    tools: frozenset[str]
    topics: frozenset[str]


def lint(
    paths: Sequence[Path],
    catalogue: Catalogue,
    is_inventory: Callable[[Path], bool],
    inventories: Iterable[Inventory] = (),
    beside: Beside | None = None,
) -> tuple[Linted, ...]:
    """Return what there is to say of each file.

    Args:
        paths: Playbooks and inventories.
        catalogue: Every step there is.
        is_inventory: Tells one from the other.
        inventories: Those that say where a playbook may be run.
        beside: What inventories are read with; without it, nothing is said of the playbooks that one names.
    """
    folders = {path.parent for path in paths if not is_inventory(path)}
    if beside and any(map(is_inventory, paths)):
        folders.add(beside.playbooks)
    every = {path for folder in folders for path in folder.glob("*.yml")} | set(paths)
    loaded = {path: _loaded(path, catalogue) for path in sorted(every) if not is_inventory(path)}
    where = tuple(inventories)
    found = tuple(
        _inventory(path, loaded, beside) if is_inventory(path) else _playbook(path, loaded, where)
        for path in paths
    )
    return _each_once(_without_secrets(_with_idle(found)))


def _loaded(path: Path, catalogue: Catalogue) -> Playbook | UsageError:
    try:
        return load_playbook(path, catalogue)
    except UsageError as error:
        return error


def _explained(folder: Path, loaded: Mapping[Path, Playbook | UsageError]) -> dict[str, tuple[str, ...]]:
    """Return what each playbook of a folder explains; one that cannot be loaded explains nothing."""
    return {
        path.stem: book.explains
        for path, book in loaded.items()
        if path.parent == folder and isinstance(book, Playbook)
    }


def _inventory(path: Path, loaded: Mapping[Path, Playbook | UsageError], beside: Beside | None) -> Linted:
    try:
        inventory, document = load_inventory(path), read_yaml(path, UsageError)
    except UsageError as error:
        return Linted(path, (_refusal(path, error),), refused=True)
    seen = Surroundings(inventory, document)
    if beside:
        books = {file.stem: book for file, book in loaded.items() if file.parent == beside.playbooks}
        seen = replace(seen, books=books, tools=beside.tools, topics=beside.topics)
    remarks = [*_told(ENVIRONMENT_RULES, seen), *_told(TEXT_RULES, document)]
    return _allowed(remarks, (document,), path)


def _playbook(
    path: Path, loaded: Mapping[Path, Playbook | UsageError], inventories: Sequence[Inventory]
) -> Linted:
    playbook = loaded[path]
    if isinstance(playbook, UsageError):
        return Linted(path, (_refusal(path, playbook),), refused=True)
    book = Book(playbook, _explained(path.parent, loaded))
    remarks = [*_nowhere(playbook, inventories), *_told(BOOK_RULES, book)]
    remarks += [remark for document in book.documents for remark in _told(TEXT_RULES, document)]
    return _allowed(remarks, book.documents, path)


def _told(rules: Iterable[Rule[Any]], seen: object) -> Iterator[Remark]:
    return (_remark(rule, flaw) for rule in rules for flaw in islice(rule.look(seen), MOST))


def _remark(rule: Rule[Any], flaw: Flaw) -> Remark:
    return Remark(
        rule.id, rule.name, rule.weight, flaw.spot, flaw.what, rule.reason, rule.remedy, flaw.within
    )


def _refusal(path: Path, error: UsageError) -> Remark:
    """Return a loader's error as a remark, at the place that it names; of the line itself nothing is shown."""
    file, line, column = _place(error.where, path)
    remark = _remark(_REFUSED, Flaw(Spot(file, line, column, column + 1, ""), error.what))
    return replace(remark, remedy=error.todo or remark.remedy)


def _place(where: str, otherwise: Path) -> tuple[Path, int, int]:
    """Return what `file:line:column` names, or the beginning of the other file."""
    file, *numbers = where.rsplit(":", 2)
    if len(numbers) == 2 and all(number.isdigit() for number in numbers):  # noqa: PLR2004  (line and column)
        return Path(file), int(numbers[0]), int(numbers[1])
    return otherwise, 1, 1


def _nowhere(playbook: Playbook, inventories: Sequence[Inventory]) -> Iterator[Remark]:
    """Yield why no inventory lets a playbook be run; nothing where one does, or there is none to ask."""
    beside = [one for one in inventories if playbook.group in one.groups]
    fixes = [(step.name, step.step) for step in playbook.fix]
    refused = [outside_development(fixes, one.environment, development=one.development) for one in beside]
    if refused and all(refused):
        only = next(step for step in playbook.fix if step.step.development_only)
        flaw = Flaw(spot_of(only.document, only.place, key=True), refused[0], only.name)
        yield replace(_remark(_NOWHERE, flaw), remedy=DEVELOPMENT_TODO)


def _allowed(remarks: Iterable[Remark], documents: tuple[Document, ...], path: Path) -> Linted:
    """Return the remarks with the reasons that comments give for them, and with what is wrong about comments."""
    comments = [one for document in documents for one in allowances_in(document.path, document.text)]
    reasons = {_meant(one): one.reason for one in comments if one.reason}
    every = [replace(one, allowed=reasons.get(_about(one), "")) for one in remarks]
    wrong = [_remark(rule, Flaw(one.spot, what)) for one in comments for rule, what in _wrong(one)]
    ordered = sorted(dict.fromkeys([*every, *wrong]), key=_order)
    return Linted(path, tuple(ordered), documents=documents)


def _order(remark: Remark) -> tuple[str, int, int, str]:
    return str(remark.spot.path), remark.spot.line, remark.spot.column, remark.rule


def _meant(one: Allowance) -> tuple[Path, int, str]:
    return one.spot.path, one.line, one.rule


def _about(remark: Remark) -> tuple[Path, int, str]:
    return remark.spot.path, remark.spot.line, remark.rule


def _wrong(one: Allowance) -> Iterator[tuple[Rule[Any], str]]:
    if one.rule not in RULES:
        yield _UNKNOWN, f"there is no rule `{one.rule}`"
    elif not one.reason:
        yield _UNREASONED, f"does not say why {one.rule} is allowed here"


def _with_idle(found: tuple[Linted, ...]) -> tuple[Linted, ...]:
    """Return the same with each comment told that allows what is not there; of a part, when all were read."""
    met = {_about(remark) for linted in found for remark in linted.remarks}
    read = {linted.path.absolute() for linted in found}
    return tuple(_idle(linted, met, read) for linted in found)


def _idle(linted: Linted, met: set[tuple[Path, int, str]], read: set[Path]) -> Linted:
    folder = linted.path.absolute().parent
    whole = {path.absolute() for path in folder.glob("*.yml")} <= read
    documents = [one for one in linted.documents if one.path == linted.path or whole]
    idle = [
        _remark(_IDLE, Flaw(one.spot, f"nothing in line {one.line} trips {one.rule}"))
        for document in documents
        for one in allowances_in(document.path, document.text)
        if one.rule in RULES and one.reason and _meant(one) not in met
    ]
    return replace(linted, remarks=tuple(sorted([*linted.remarks, *idle], key=_order)))


def _without_secrets(found: Iterable[Linted]) -> tuple[Linted, ...]:
    return tuple(replace(one, remarks=blotted(one.remarks, one.documents)) for one in found)


def _each_once(found: tuple[Linted, ...]) -> tuple[Linted, ...]:
    """Return the same with the remarks marked that a file before has, too; they count here as they do there."""
    told: set[Remark] = set()
    marked = []
    for linted in found:
        marked.append(replace(linted, again=frozenset(told.intersection(linted.remarks))))
        told |= set(linted.remarks)
    return tuple(marked)
