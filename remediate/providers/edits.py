"""The one way to edit a file and the one way back, for every provider that edits one. Knows no format and no step.

Compare and swap on the whole content; owner, mode and, on the way back, time of change are kept.
"""

import base64
import difflib
import hashlib
import posixpath

from remediate.errors import Conflict, Failed, Stale
from remediate.model import Change, Fidelity, Json, Risk, WayBack
from remediate.promise import Promise
from remediate.questions import Answers, Read, ReadAnswer, Run
from remediate.target import Target

EDITED = Promise(
    fidelity={Fidelity.EXACT: ""},
    back={
        WayBack.EXACT: "the old bytes are put back, with owner, mode and time, if nobody has changed the file since"
    },
    risks=("config",),
)
"""What every edit promises."""
PLACE_SCRIPT = """
# Prints where $1 and $2 really are, each followed by a NUL.
readlink -fz -- "$1" || exit 3
readlink -fz -- "$2" || exit 4
"""


def place_question(root: str, path: str) -> Run:
    """Return the question where an app's root and a path in it really are, links followed."""
    return Run(script=PLACE_SCRIPT, args=(root, path), about=(f"place:{path}",))


def leaves(root: str, path: str) -> bool:
    """Tell whether a path, by its words alone, lies outside a directory."""
    below = posixpath.relpath(posixpath.normpath(path), posixpath.normpath(root))
    return below == ".." or below.startswith("../")


def demand_inside(answers: Answers, root: str, path: str) -> None:
    """Refuse a path that lies outside the app's root, or is reached through a link below it.

    Args:
        answers: With the answer to `place_question(root, path)`.
        root: Absolute path of the app's root, which may itself be a link.
        path: Absolute path of what is to be changed.

    Raises:
        Failed: The path leads elsewhere.
    """
    below = posixpath.relpath(posixpath.normpath(path), posixpath.normpath(root))
    if leaves(root, path):
        raise Failed(path, f"lies outside the app's root {root}", "name a path below it")
    answer = answers[place_question(root, path)]
    if answer.exit_code != 0:
        raise Failed(path, f"its directory, or the root {root}, is not there", "check the path")
    real_root, real_path, *_ = answer.text.split("\0")
    if real_path != posixpath.normpath(posixpath.join(real_root, below)):
        raise Failed(path, f"is reached through a link and really is {real_path}", "name the real path")


def edited(path: str, before: bytes, after: bytes, what: str, risk: Risk) -> Change:
    """Return the change of a file's content from `before` to `after`, without any forecast.

    Args:
        path: Absolute path on the host.
        before: The bytes the plan was made from.
        after: The bytes to be written.
        what: One line for a person.
        risk: The class of risk.
    """
    return Change(
        what=what,
        target=path,
        diff=unified_diff(path, before, after),
        fidelity=Fidelity.EXACT,
        way_back=WayBack.EXACT,
        way_back_note="the old bytes are put back, with owner, mode and time, if nobody has changed the file since",
        risk=risk,
        alters=(f"file:{path}",),
        data={"path": path, "before_sha256": sha256(before), "after_bytes": encoded(after)},
    )


def save_file(target: Target, change: Change) -> dict[str, Json]:
    """Return what `restore_file` needs: the file as it is before the change.

    Raises:
        Stale: The file is not what the plan was made from.
    """
    before = _as_planned(target, change)
    return {
        "path": change.data["path"],
        "before_bytes": encoded(before.content),
        "before": before.model_dump(mode="json", exclude={"content"}),
        "after_sha256": sha256(decoded(change.data["after_bytes"])),
    }


def put_file(target: Target, change: Change) -> None:
    """Write the new bytes.

    Raises:
        Stale: The file is not what the plan was made from.
        Conflict: It was changed in the very moment of writing.
        Failed: It could not be written.
    """
    expect = _as_planned(target, change)
    target.write(change.data["path"], decoded(change.data["after_bytes"]), expect=expect)


def restore_file(target: Target, data: dict[str, Json]) -> None:
    """Put the old bytes back, with owner, mode and time. Nothing is done where they are there already.

    Raises:
        Conflict: Somebody has changed the file since.
        Failed: It could not be written.
    """
    path = data["path"]
    before = ReadAnswer(**{**data["before"], "content": decoded(data["before_bytes"])})
    now = _read(target, path)
    if now.sha256 == before.sha256 and now.kind_of_file == before.kind_of_file:
        return
    if now.sha256 != data["after_sha256"] or now.kind_of_file != "file":
        raise Conflict(
            path, "was changed by somebody else since", "compare it with the saved copy and decide by hand"
        )
    target.write(path, before.content, expect=now, like=before)


def unified_diff(path: str, before: bytes, after: bytes) -> str:
    """Return the unified diff of a file; bytes that are no UTF-8 are shown as escapes."""
    lines = difflib.unified_diff(_lines(before), _lines(after), f"a{path}", f"b{path}")
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def sha256(content: bytes) -> str:
    """Return the SHA-256 of the bytes, in hex."""
    return hashlib.sha256(content).hexdigest()


def encoded(content: bytes) -> str:
    """Return bytes as base64 text, for JSON."""
    return base64.b64encode(content).decode("ascii")


def decoded(text: str) -> bytes:
    """Return the bytes behind base64 text."""
    return base64.b64decode(text)


def _lines(content: bytes) -> list[str]:
    return [line.decode("utf-8", "backslashreplace") for line in content.splitlines(keepends=True)]


def _read(target: Target, path: str) -> ReadAnswer:
    question = Read(path=path)
    return target.answer((question,))[question]


def _as_planned(target: Target, change: Change) -> ReadAnswer:
    now = _read(target, change.data["path"])
    if now.kind_of_file != "file" or now.sha256 != change.data["before_sha256"]:
        raise Stale(change.data["path"], "changed since the plan was made", "run plan again")
    return now
