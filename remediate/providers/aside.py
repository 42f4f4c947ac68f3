"""Files and directories moved aside instead of deleted, and moved back. One mechanism for every provider that cleans.

What is moved lies beside its old place as `.NAME.remediate-MARK`, renamed and nothing else: its bytes, modes and times
stay. Nobody purges it: that is for a person to decide.
"""

import posixpath

from remediate.errors import Conflict, Failed
from remediate.model import Change, Fidelity, Json, WayBack, digest_of
from remediate.providers.edits import demand_inside, place_question
from remediate.questions import Answers, Read
from remediate.steps import Questions
from remediate.target import Job, Target

AWAY = r"""
# $1 the folder, $2 a name in it, $3 the name it gets there. Done once; nothing is ever overwritten.
cd -- "$1" || exit 3
there() { [ -e "$1" ] || [ -L "$1" ]; }
there "$2" || { there "$3" && exit 0; exit 4; }
! there "$3" || exit 5
[ ! -L "$2" ] || exit 6
mv -T -- "$2" "$3"
"""
BACK = r"""
# The same, the other way round: where something new has taken the old place, that is somebody else's.
cd -- "$1" || exit 3
there() { [ -e "$1" ] || [ -L "$1" ]; }
there "$3" || exit 0
! there "$2" || exit 9
mv -T -- "$3" "$2"
"""
TAKEN = 9


def aside_questions(root: str, path: str) -> Questions:
    """Return the questions whether something has that name, and where it really is."""
    return (Read(path=path), place_question(root, path))


def moved_aside(answers: Answers, root: str, path: str) -> tuple[Change, ...]:
    """Return the change that moves one path aside, or nothing where nothing has that name.

    Raises:
        Failed: It lies outside the app's root, is the root itself, or is reached through a link.
    """
    there = answers[Read(path=path)]
    if not there.exists:
        return ()
    if posixpath.normpath(path) == posixpath.normpath(root):
        raise Failed(path, "is the app's root itself", "name a path below it")
    demand_inside(answers, root, path)
    # By what is there, so that two plans of one state agree, and another state gets a name of its own.
    mark = digest_of([path, there.kind_of_file, there.sha256, there.mtime_ns])[:12]
    folder, name = posixpath.split(posixpath.normpath(path))
    kept = f".{name}.remediate-{mark}"
    return (
        Change(
            what=f"move {path} aside",
            target=path,
            script=f"mv {name} {kept}",
            notes=(f"a {there.kind_of_file}; it is kept as {kept}, nothing is deleted",),
            fidelity=Fidelity.EXACT,
            way_back=WayBack.EXACT,
            way_back_note="it is renamed back, if nothing new has taken its place",
            risk="config",
            alters=(f"file:{path}",),
            data={"folder": folder, "name": name, "kept": kept},
        ),
    )


def move_aside(target: Target, data: dict[str, Json]) -> None:
    """Rename it away.

    Raises:
        Failed: It is not there any more, or could not be renamed.
    """
    answer = target.run(_job(AWAY, data, "move it aside"))
    if answer.exit_code:
        raise Failed(_place(data), "could not be moved aside", "look at it", output=answer.error_text)


def move_back(target: Target, data: dict[str, Json]) -> None:
    """Rename it back; nothing is done where it is back already.

    Raises:
        Conflict: Something new has its name.
        Failed: It could not be renamed.
    """
    answer = target.run(_job(BACK, data, "move it back"))
    if answer.exit_code == TAKEN:
        raise Conflict(
            _place(data), "something new has taken its place since", "decide by hand which to keep"
        )
    if answer.exit_code:
        raise Failed(_place(data), "could not be moved back", "look at it", output=answer.error_text)


def _job(script: str, data: dict[str, Json], doing: str) -> Job:
    return Job(script=script, args=(data["folder"], data["name"], data["kept"]), timeout=60.0, doing=doing)


def _place(data: dict[str, Json]) -> str:
    return posixpath.join(data["folder"], data["name"])
