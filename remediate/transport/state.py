"""Where remediate keeps its own things on a host, and who may write there. A piece of shell text; it runs nothing.

`$HOME/.remediate`, mode 0700, ours and no link: made when the first change is made, gone when nothing is left to keep.

Not below `.local/state`: what is made there has parents that would have to be made, and left, as well.
"""

from urllib.parse import quote

NOT_OURS = 77
"""Exit code: a directory of ours is a link, or somebody else's."""
CANNOT_MAKE = 73
"""Exit code: a directory cannot be made: no space, no permission."""

STATE = r"""
state=$HOME/.remediate
ours() { [ -d "$1" ] && [ ! -L "$1" ] && [ -O "$1" ]; }
as_it_was() {  # runs a command; the time of change of the home is no trace of what came and went in it
  home_time=$(stat -c %y -- "$HOME") home_code=0
  (umask 077 && "$@") || home_code=$?
  [ "$(stat -c %y -- "$HOME")" = "$home_time" ] || touch -d "$home_time" -- "$HOME" 2>/dev/null || :
  return "$home_code"
}
make() {
  [ -d "$1" ] || as_it_was mkdir -p -- "$1" || exit 73
  ours "$1" || { printf '%s is a link, or not ours\n' "$1" >&2; exit 77; }
  chmod 700 -- "$1"
}
unmake() { as_it_was rmdir -- "$@" 2>/dev/null; return 0; }
"""

LONGEST_NAME = 200


def file_name(token: str) -> str:
    """Return the token as a file name; what begins alike stays so."""
    return quote(token, safe="")[:LONGEST_NAME]
