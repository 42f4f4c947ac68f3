"""Replaces and deletes files on a host, whole or not at all, provided that they still are as expected.

It looks at nothing else, and keeps no copy: the way back is the journal's.
"""

from hashlib import sha256
from secrets import token_hex

from remediate.errors import Conflict, Failed, Lost, RemediateError, Unreachable
from remediate.questions import ReadAnswer
from remediate.transport.call import Called, Caller
from remediate.transport.fence import Fence
from remediate.transport.wire import Broken

CHANGED, LINK, NO_FOLDER, SHORT = 80, 81, 82, 83

SEEN = r"""
seen() {  # the SHA-256 of what has that name now; nothing where there is nothing; ends the script at what is no file
  [ ! -L "$1" ] || exit 81
  [ -e "$1" ] || return 0
  [ -f "$1" ] || exit 81
  hash=$(sha256sum <"$1") || exit 84
  printf '%s' "${hash%% *}"
}
as_expected() { now=$(seen "$1") || exit "$?"; [ "$now" = "$2" ] || exit 80; }
"""

# $1 path, $2 expected hash or nothing, $3 nonce, $4 size, $5 new hash, $6 mode, $7 owner:group, $8 time; $6 to $8 may
# be empty: as the file has it, or as a new file of this user would have it.
WRITE = (
    SEEN
    + r"""
path=$1
folder=${path%/*}/
[ -d "$folder" ] || exit 82
as_expected "$path" "$2"
temp=$folder.${path##*/}.remediate-$3
[ -z "$2" ] || kept=$(stat -c '%a %u:%g' -- "$path") || exit 84
mode=${6:-${kept%% *}}
owner=${7:-${kept##* }}
[ -n "$mode" ] || mode=$(printf '%o' "$((0666 & ~$(umask)))")
made=yes
cleanup() { [ -z "$made" ] || rm -f -- "$temp"; }
umask 077
set -C
exec 4>"$temp"
set +C
head -c "$4" >&4 || exit 84
exec 4>&-
hash=$(sha256sum <"$temp") || exit 84
[ "${hash%% *}" = "$5" ] || exit 83
if [ -n "$owner" ]; then
  has=$(stat -c '%U:%G %u:%g %U:%g %u:%G' -- "$temp") || exit 84
  case " $has " in *" $owner "*) ;; *) chown -- "$owner" "$temp" || exit 84 ;; esac
fi
chmod -- "$mode" "$temp" || exit 84
[ -z "$8" ] || touch -d "@$8" -- "$temp" || exit 84
sync -- "$temp" || exit 84
as_expected "$path" "$2"
if [ -n "$2" ]; then mv -fT -- "$temp" "$path" || exit 84
else ln -T -- "$temp" "$path" || exit 80; rm -f -- "$temp"
fi
made=
sync -- "$folder"
exit 0
"""
)

# $1 path, $2 expected hash.
DELETE = (
    SEEN
    + r"""
now=$(seen "$1") || exit "$?"
[ -n "$now" ] || exit 0
[ "$now" = "$2" ] || exit 80
rm -f -- "$1" || exit 84
sync -- "${1%/*}/"
exit 0
"""
)

# $1 path, $2 hash that it should have by now.
LOOK = (
    SEEN
    + r"""
[ "$(seen "$1")" = "$2" ] || { sleep 1; exit 80; }
exit 0
"""
)
LOOKS = 5


class Files:
    """The file verbs of one host.

    Args:
        caller: Calls scripts there.
        fence: Calls those that change something.
    """

    def __init__(self, caller: Caller, fence: Fence) -> None:
        self._caller, self._fence = caller, fence

    def write(self, path: str, content: bytes, expect: ReadAnswer, like: ReadAnswer | None) -> None:
        """Replace or create a file: a neighbour, fsync, rename. See `Target.write`."""
        model = like if like is not None and like.exists else expect
        args = (
            path,
            expect.sha256,
            token_hex(8),
            str(len(content)),
            sha256(content).hexdigest(),
            f"{model.mode:o}" if model.owner else "",
            f"{model.owner}:{model.group}" if model.owner else "",
            _seconds(like.mtime_ns) if like is not None and like.exists else "",
        )
        self._change(path, WRITE, args, content, becomes=args[4])

    def delete(self, path: str, expect: ReadAnswer) -> None:
        """Delete a file. See `Target.delete`."""
        self._change(path, DELETE, (path, expect.sha256), b"", becomes="")

    def _change(self, path: str, script: str, args: tuple[str, ...], payload: bytes, becomes: str) -> None:
        self._refuse_odd(path)
        try:
            self._check(path, self._fence.call(script, *args, payload=payload, seconds=120.0))
        except Broken as error:
            if not self._became(path, becomes):
                what = (
                    f"the link broke while {path} was being changed; it is whole, but old or new is not known"
                )
                raise Lost(self._caller.where, what, "look at it again") from error

    def _became(self, path: str, hash_: str) -> bool:
        """Ask, once the link is back, whether the change was made before it broke."""
        try:
            for _ in range(LOOKS):
                called = self._caller.call(LOOK, path, hash_)
                if called.exit_code == 0:
                    return True
        except (Broken, Lost, Unreachable):
            return False
        return False

    def _refuse_odd(self, path: str) -> None:
        if not path.startswith("/") or path.endswith("/") or "\0" in path:
            raise Failed(self._caller.where, f"{path!r} is no absolute path of a file", "correct the path")

    def _check(self, path: str, called: Called) -> None:
        if called.exit_code != 0:
            raise self._error(path, called)

    def _error(self, path: str, called: Called) -> RemediateError:
        where = self._caller.where
        match called.exit_code:
            case 80:
                return Conflict(where, f"{path} is not as expected; nothing was written", "look again")
            case 81:
                return Failed(
                    where, f"{path} is a link, or no plain file; nothing was written", "name the file itself"
                )
            case 82:
                return Failed(where, f"the folder of {path} does not exist", "make it first")
            case 83:
                return Failed(where, f"{path}: not all bytes arrived; nothing was written", "try again")
        output = called.stderr.decode("utf-8", "backslashreplace")
        return Failed(where, f"{path} could not be changed ({called.error}); it is as it was", "", output)


def _seconds(nanoseconds: int) -> str:
    return f"{nanoseconds // 10**9}.{nanoseconds % 10**9:09d}"
