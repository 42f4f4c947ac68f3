"""Which versions of packages are installed, found where Node itself would find them. Judges nothing, and needs no Node.

Node looks into node_modules of a directory and then of each above it, so a package that a workspace hoisted is found,
and one that pnpm linked. Where nothing is found the version is empty: `npm ci --omit=dev` leaves packages out.
"""

import json
import posixpath

from remediate.errors import CouldNotLook
from remediate.questions import Run, RunAnswer

INSTALLED_SCRIPT = r"""
# $1 the backend's directory, $2, … names of packages. Prints, for each, its name and its package.json, each with a NUL
# after it; the text is empty where it is not installed.
cd -- "$1" || exit 3
shift
for name; do
    folder=$(pwd -P)
    until [ -f "$folder/node_modules/$name/package.json" ] || [ -z "$folder" ]; do folder=${folder%/*}; done
    printf '%s\0' "$name"
    [ ! -f "$folder/node_modules/$name/package.json" ] || cat -- "$folder/node_modules/$name/package.json"
    printf '\0'
done
"""


def installed_question(backend: str, packages: tuple[str, ...]) -> Run:
    """Return the question which versions of these packages are installed."""
    place = posixpath.normpath(backend)
    return Run(script=INSTALLED_SCRIPT, args=(place, *packages), about=(f"file:{place}/node_modules",))


def read_installed(question: Run, answer: RunAnswer) -> dict[str, str]:
    """Return the version of each package, by name; empty where it is not installed.

    Raises:
        CouldNotLook: There is no backend, or a package.json cannot be read.
    """
    place, *names = question.args
    parts = answer.text.split("\0")
    if answer.exit_code or answer.left_out or len(parts) != 2 * len(names) + 1:
        raise CouldNotLook(place, "its packages could not be looked at", "check `backend`")
    return {name: _version(place, name, text) for name, text in zip(names, parts[1::2], strict=True)}


def differing(versions: dict[str, str]) -> str:
    """Return how versions of packages that belong together part, or nothing; what is not there differs from none."""
    there = {name: version for name, version in versions.items() if version}
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
