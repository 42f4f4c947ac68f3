"""The faults a host can be given: one bash file each in faults/, named as the fault. What they break is theirs."""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from ground import app, places
from ground.errors import UsageError
from ground.hosts import Ground
from ground.state import Host

CURED_BY, RECOGNISED_BY = "# cured by:", "# recognised by:"
GONE, NO_WAY_BACK = "# gone once cured:", "# no way back:"
UNSEEN = "# works all the same:"
COMMON = places.FAULTS / "lib" / "common.sh"


@dataclass(frozen=True)
class Fault:
    """A fault and its file."""

    name: str
    file: Path

    @property
    def description(self) -> str:
        """The first comment line of its file."""
        lines = self.file.read_text().splitlines()
        return next(line.lstrip("# ") for line in lines if line.startswith("#") and not line.startswith("#!"))

    @property
    def facts(self) -> dict[str, str]:
        """All that is known of it, for programs; who cures or recognises it is empty where its file does not say."""
        return {
            "name": self.name,
            "description": self.description,
            "cured_by": self._said(CURED_BY),
            "recognised_by": self._said(RECOGNISED_BY) or self._said(CURED_BY),
            "gone_once_cured": self._said(GONE),
            "works_all_the_same": self._said(UNSEEN),
            "no_way_back": self._said(NO_WAY_BACK),
        }

    def _said(self, words: str) -> str:
        lines = self.file.read_text().splitlines()
        return next((line.removeprefix(words).strip() for line in lines if line.startswith(words)), "")


def all_faults() -> list[Fault]:
    """Return every fault, by name."""
    return [Fault(file.stem, file) for file in sorted(places.FAULTS.glob("*.sh"), key=lambda file: file.stem)]


def find(name: str) -> Fault:
    """Return the fault of that name.

    Raises UsageError, with the name that was probably meant.
    """
    known = {fault.name: fault for fault in all_faults()}
    if name in known:
        return known[name]
    close = get_close_matches(name, known, 1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    raise UsageError(f"{name}: no such fault; {hint}")


def break_app(ground: Ground, host: Host, fault: Fault, broken: app.App) -> None:
    """Break an app of a host and see that it is broken.

    Raises LabError where the app does not fail in the way the fault is about.
    """
    script = COMMON.read_text() + fault.file.read_text()
    app.run_script(ground, host, script, app.settings(host, broken), broken.user)
