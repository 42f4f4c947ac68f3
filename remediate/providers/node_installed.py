"""Which versions of packages are installed, found where Node itself would find them. Judges nothing, and needs no Node.

Node looks into node_modules of a directory and then of each above it, so a package that a workspace hoisted is found,
and one that pnpm linked. Where nothing is found the version is empty: `npm ci --omit=dev` leaves packages out.
"""

import json
import posixpath
from collections.abc import Mapping

from remediate.errors import CouldNotLook
from remediate.questions import Run, RunAnswer, Value

INSTALLED_SCRIPT = r"""
# $1 the backend's directory, $2, … names of packages. Prints where the backend's own node_modules really is; then, for
# each, its name, the node_modules that it is in and its package.json, empty where it is not installed; each with a NUL.
cd -- "$1" || exit 3
shift
printf '%s\0' "$(readlink -f -- node_modules)"
for name; do
    folder=$(pwd -P)
    until [ -f "$folder/node_modules/$name/package.json" ] || [ -z "$folder" ]; do folder=${folder%/*}; done
    file=$folder/node_modules/$name/package.json
    if [ -f "$file" ]; then
        # A link is followed, as Node does.
        place=$(readlink -f -- "${file%/package.json}")
        printf '%s\0%s\0' "$name" "${place%/"$name"}"
        cat -- "$file"
    else
        printf '%s\0\0' "$name"
    fi
    printf '\0'
done
"""


def installed_question(backend: str, packages: tuple[str, ...]) -> Run:
    """Return the question which versions of these packages are installed."""
    place = posixpath.normpath(backend)
    return Run(script=INSTALLED_SCRIPT, args=(place, *packages), about=(f"file:{place}/node_modules",))


class Installed(Value):
    """A package, where Node finds it.

    Attributes:
        version: As its package.json tells; empty where it is not installed.
        place: The real path of the node_modules that it is in; empty where it is not installed.
        elsewhere: Whether that is not the backend's own: in a workspace, with pnpm.
    """

    version: str = ""
    place: str = ""
    elsewhere: bool = False


def read_installed(question: Run, answer: RunAnswer) -> dict[str, Installed]:
    """Return each package, by name.

    Raises:
        CouldNotLook: There is no backend, or a package.json cannot be read.
    """
    place, *names = question.args
    own, *parts = answer.text.split("\0")
    if answer.exit_code or answer.left_out or len(parts) != 3 * len(names) + 1:
        raise CouldNotLook(place, "its packages could not be looked at", "check `backend`")
    seen = zip(names, parts[1::3], parts[2::3], strict=True)
    return {
        name: Installed(
            version=_version(place, name, text), place=found, elsewhere=bool(found) and found != own
        )
        for name, found, text in seen
    }


def differing(packages: Mapping[str, Installed]) -> str:
    """Return how versions of packages that belong together part, or nothing; what is not there differs from none."""
    there = {name: one.version for name, one in packages.items() if one.version}
    return (
        " and ".join(f"{name} is {version}" for name, version in there.items())
        if len(set(there.values())) > 1
        else ""
    )


def _version(place: str, name: str, text: str) -> str:
    try:
        return str(json.loads(text)["version"]) if text else ""
    except (ValueError, KeyError, TypeError) as error:
        what = f"package.json of {name} cannot be read"
        raise CouldNotLook(place, what, "install it again (npm ci)") from error
