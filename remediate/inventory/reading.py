"""An inventory: one environment's hosts, how to reach them, and the policy that protects them. It connects to nothing.

Secrets are references; their values are fetched when a run needs them (`references.py`).
"""

import fnmatch
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from remediate.errors import InventoryError, UsageError
from remediate.inventory.contacts import Contact, contacts_of
from remediate.inventory.files import beside
from remediate.inventory.hosts import Host, hosts_of
from remediate.inventory.watch import WatchText
from remediate.inventory.written import InventoryText, Policy
from remediate.text.complaints import read_as
from remediate.text.strict_yaml import Document, read_yaml
from remediate.text.suggest import did_you_mean

SUFFIXES = (".yml", ".yaml")


@dataclass(frozen=True)
class Inventory:
    """One environment.

    Attributes:
        environment: Its name.
        path: Its file.
        digest: SHA-256 of its text, in hex.
        development: Whether what lives there may be lost.
        policy: What it allows.
        hosts: All hosts, in the file's order.
        contacts: Whom to call, first level first.
        watch: What `remediate watch` does here.
    """

    environment: str
    path: Path
    digest: str
    development: bool
    policy: Policy
    hosts: tuple[Host, ...]
    contacts: tuple[Contact, ...]
    watch: WatchText = field(default_factory=WatchText)

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of its groups, in the file's order."""
        return tuple(dict.fromkeys(host.group for host in self.hosts))

    def select(self, patterns: Iterable[str]) -> tuple[Host, ...]:
        """Return the hosts that `--on` means, in the file's order.

        Args:
            patterns: Hosts, groups, `all`, globs, `!exclusions`, each also as a list with commas. Only exclusions
                mean all others.

        Raises:
            UsageError: A name is not known, a glob meets nothing, or nothing is left.
        """
        words = [word.strip() for pattern in patterns for word in pattern.split(",") if word.strip()]
        wanted = [word for word in words if not word.startswith("!")]
        chosen = self._named(wanted) if wanted or not words else set(self._names)
        left = chosen - self._named([word[1:] for word in words if word.startswith("!")])
        if not left:
            raise UsageError("--on " + ",".join(words), "no host is left", f"known: {', '.join(self._names)}")
        return tuple(host for host in self.hosts if host.name in left)

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(host.name for host in self.hosts)

    def _named(self, words: Iterable[str]) -> set[str]:
        return {name for word in words for name in self._meant(word)}

    def _meant(self, word: str) -> set[str]:
        met = {host.name for host in self.hosts if word == "all" or _fits(host, word)}
        if not met:
            known = {*self._names, *self.groups, "all"}
            raise UsageError(
                f"--on {word}", f"{self.path} has no such host or group", did_you_mean(word, known)
            )
        return met


def _fits(host: Host, word: str) -> bool:
    return fnmatch.fnmatchcase(host.name, word) or fnmatch.fnmatchcase(host.group, word)


def load_inventory(path: Path) -> Inventory:
    """Return the inventory in a file.

    Args:
        path: The file; relative paths in it are relative to its directory.

    Raises:
        InventoryError: With file, line, column, what is wrong and what was probably meant.
    """
    document = read_yaml(path, InventoryError)
    if not isinstance(document.value, dict):
        raise document.error((), "an inventory must be a mapping", "begin with `environment:`")
    text = read_as(InventoryText, document)
    _check_names(text, document)
    policy = _with_folder(text.policy, path.parent)
    return Inventory(
        environment=text.environment,
        path=path,
        digest=hashlib.sha256(document.text.encode()).hexdigest(),
        development=text.development,
        policy=policy,
        hosts=hosts_of(text, policy, document),
        contacts=contacts_of(text.contacts, document),
        watch=text.watch,
    )


def _with_folder(policy: Policy, folder: Path) -> Policy:
    approvers = beside(folder, policy.approvers) if policy.approvers else ""
    return policy.model_copy(update={"approvers": approvers})


def _check_names(text: InventoryText, document: Document) -> None:
    """Refuse names that `--on` could not tell apart."""
    taken = {"all": "means every host", **dict.fromkeys(text.groups, "is a group's name")}
    if "all" in text.groups:
        raise document.error(
            ("groups", "all"), "`all` means every host", "name the group otherwise", key=True
        )
    for group, written in text.groups.items():
        for host in written.hosts:
            if host in taken:
                place = ("groups", group, "hosts", host)
                raise document.error(place, f"`{host}` {taken[host]}", "name the host otherwise", key=True)
            taken[host] = f"is already in the group `{group}`"


def find_inventory(
    given: str | None, environment: Mapping[str, str], folder: Path = Path("inventory")
) -> Path:
    """Return the inventory that is meant.

    Args:
        given: What `-i` says: a path, or the name of a file in the folder without its ending.
        environment: The runner's; `REMEDIATE_INVENTORY` counts where nothing is given.
        folder: Where inventories are.

    Raises:
        UsageError: There is none of that name, or none is named and there are several, or none.
    """
    known = {path.stem: path for path in sorted(folder.glob("*")) if path.suffix in SUFFIXES}
    word = given or environment.get("REMEDIATE_INVENTORY")
    if word:
        return _named_file(word, known, folder)
    if len(known) == 1:
        return next(iter(known.values()))
    what = "there are several inventories" if known else f"there is no inventory in {folder}"
    raise UsageError("-i", what, f"say -i {' or -i '.join(known)}" if known else "write one, or say -i PATH")


def _named_file(word: str, known: Mapping[str, Path], folder: Path) -> Path:
    if word in known:
        return known[word]
    path = Path(word)
    if path.is_file():
        return path
    if "/" in word or path.suffix in SUFFIXES:
        raise UsageError(f"-i {word}", "there is no such file", "check the path")
    raise UsageError(f"-i {word}", f"there is no such inventory in {folder}", did_you_mean(word, known))
