"""Files that bear secrets, such as `.env`: what may be shown of one, and how it is edited. Opens no file itself.

Nothing of their content leaves the host for a plan, an event or the audit log: a diff shows names, and for each value a
fingerprint that tells whether it changed. Its key is made from the whole file, slowly (scrypt, RFC 7914), so who does
not have the file cannot try out values. The bytes of before stay beside the file, for its owner alone.
"""

import difflib
import hashlib
import hmac
import posixpath
from collections.abc import Callable

from remediate.errors import Conflict, Failed, Stale
from remediate.model import Change, Fidelity, Forecast, Json, WayBack
from remediate.providers.secret_lines import lines_of, shown_names
from remediate.questions import Read, ReadAnswer
from remediate.target import Target

_COST = {"n": 2**14, "r": 8, "p": 1, "maxmem": 64 * 2**20}
"""scrypt's: 16 MiB and some 50 ms a try."""

Edit = Callable[[bytes], bytes]
"""Makes a file's new content from its old one."""


def key_of(path: str, content: bytes) -> bytes:
    """Return the key of a file's fingerprints, made of all that is in it.

    Args:
        path: Where it is.
        content: What is in it.
    """
    return hashlib.scrypt(content, salt=path.encode("utf-8", "surrogateescape"), dklen=32, **_COST)


class Seal:
    """Fingerprints of what is in one file.

    Args:
        path: Where it is.
        content: What is in it: the key is made from that.
    """

    def __init__(self, path: str, content: bytes) -> None:
        self._path = path
        self._key = key_of(path, content)

    @property
    def digest(self) -> str:
        """The whole file's."""
        return self.of("the file")

    def of(self, text: str) -> str:
        """Return the fingerprint of a text, eight bytes in hex."""
        return hmac.new(self._key, text.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:16]

    def lines(self, content: bytes) -> list[str]:
        """Return what may be shown of each line: the name of a setting, and a fingerprint of all else."""
        lines = lines_of(content.decode("utf-8", "surrogateescape"))
        return [
            self._line(line, name) for line, name in zip(lines, shown_names(self._path, lines), strict=True)
        ]

    def _line(self, line: str, name: str) -> str:
        bare = line.rstrip("\r\n")
        shown = f"{name}‹{self.of(bare[len(name) :])[:8]}›" if bare.strip() else ""
        return shown + line[len(bare) :]


def sealed_edit(path: str, before: ReadAnswer, after: bytes, what: str) -> Change:
    """Return the change of a secret file, with its forecast; nothing of its content is in what is written down.

    Args:
        path: Absolute path on the host.
        before: The file the plan was made from.
        after: The bytes to be written.
        what: One line for a person.
    """
    seal = Seal(path, before.content)
    return Change(
        what=what,
        target=path,
        diff="".join(_ended(line) for line in _difference(path, before.content, after, seal)),
        notes=("values are shown as fingerprints: the same one is the same value",),
        fidelity=Fidelity.EXACT,
        way_back=WayBack.EXACT,
        way_back_note=f"the old bytes stay beside it as {posixpath.basename(_copy(path, seal))}, for its owner alone",
        risk="config",
        alters=(f"file:{path}",),
        forecasts=(
            Forecast(
                question=Read(path=path), answer=before.model_copy(update={"content": after}), unwritten=True
            ),
        ),
        data={
            "path": path,
            "before": seal.digest,
            "after": Seal(path, after).digest,
            "copy": _copy(path, seal),
        },
    )


def _difference(path: str, before: bytes, after: bytes, seal: Seal) -> list[str]:
    return list(difflib.unified_diff(seal.lines(before), seal.lines(after), f"a{path}", f"b{path}"))


def _ended(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _copy(path: str, seal: Seal) -> str:
    return f"{path}.remediate-{seal.digest}"


def recipe_back(target: Target, change: Change) -> dict[str, Json]:
    """Return what `restore_sealed` needs: all but the bytes, which stay on the host.

    Raises:
        Stale: The file is not what the plan was made from.
    """
    before = _as_planned(target, change)
    return {**change.data, "was": before.model_dump(mode="json", exclude={"content"})}


def put_sealed(target: Target, change: Change, edit: Edit) -> None:
    """Keep the old bytes beside the file, then write the new ones.

    Raises:
        Stale: The file is not what the plan was made from.
        Conflict: It was changed in the very moment of writing.
        Failed: It could not be written.
    """
    path, copy = change.data["path"], change.data["copy"]
    before = _as_planned(target, change)
    if not _holds(_read(target, copy), path, change.data["before"]):
        private = before.model_copy(update={"mode": 0o600})
        target.write(copy, before.content, expect=_read(target, copy), like=private)
    target.write(path, edit(before.content), expect=before)


def restore_sealed(target: Target, data: dict[str, Json]) -> None:
    """Put the old bytes back, with owner, mode and time, and remove the copy; once is as good as twice.

    Raises:
        Conflict: Somebody has changed the file since.
        Failed: The copy is gone, or the file cannot be written.
    """
    path, now, kept = data["path"], _read(target, data["path"]), _read(target, data["copy"])
    if not _holds(now, path, data["before"]):
        if not _holds(now, path, data["after"]):
            raise Conflict(path, "was changed by somebody else since", f"compare it with {data['copy']}")
        if not _holds(kept, path, data["before"]):
            raise Failed(path, f"its old bytes are not in {data['copy']} any more", "put it back by hand")
        was = ReadAnswer(**{**data["was"], "content": kept.content})
        target.write(path, kept.content, expect=now, like=was)
    if kept.exists:
        target.delete(data["copy"], expect=kept)


def _holds(file: ReadAnswer, path: str, digest: str) -> bool:
    return file.exists and file.kind_of_file == "file" and Seal(path, file.content).digest == digest


def _read(target: Target, path: str) -> ReadAnswer:
    question = Read(path=path)
    return target.answer((question,))[question]


def _as_planned(target: Target, change: Change) -> ReadAnswer:
    now = _read(target, change.data["path"])
    if not _holds(now, change.data["path"], change.data["before"]):
        raise Stale(change.data["path"], "changed since the plan was made", "run plan again")
    return now
