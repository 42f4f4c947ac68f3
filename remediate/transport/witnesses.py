"""Keeps the heads of audit logs on a host, one file a log, only ever forwards. Judges none of them.

Where: `~/.remediate/heads` of the user we work as. They stay there when a run has ended: that is their purpose.
"""

from secrets import token_hex

from pydantic import ValidationError

from remediate.errors import CouldNotLook, Lost, Unreachable
from remediate.target import Witness
from remediate.transport.call import Called, Caller
from remediate.transport.state import STATE
from remediate.transport.wire import Broken

SECONDS = 15.0
"""How long a host may take: a run's end does not wait longer for it."""

# $1 log, $2 number of the newest entry, $3 the witness as one line, $4 nonce. Shows what is kept in the end. Two runs
# of one log may come at once, for two apps: the kernel's lock on the folder lets them compare one after the other.
KEEP = (
    STATE
    + r"""
make "$state"
make "$state/heads"
exec 9<"$state/heads"
flock -w 5 9 || exit 75
head=$state/heads/$1 new=$state/heads/.$4
cleanup() { rm -f -- "$new"; }
[ ! -L "$head" ] || exit 77
if [ -e "$head" ]; then
  [ -f "$head" ] || exit 77
  kept=$(head -c 4096 -- "$head" | sed -n 's/^{"seq":\([0-9]\{1,18\}\),"hash":"[0-9a-f]\{64\}",.*}$/\1/p')
  if [ -z "$kept" ] || [ "$kept" -ge "$2" ]; then
    head -c 4096 -- "$head"
    exit 0
  fi
fi
(umask 077 && printf '%s\n' "$3" >"$new" && sync -- "$new" && mv -fT -- "$new" "$head") || exit 73
sync -- "$state/heads"
head -c 4096 -- "$head"
exit 0
"""
)
ALL = (
    STATE
    + r"""
[ -e "$state/heads" ] || exit 0
ours "$state" && ours "$state/heads" || { printf '%s is a link, or not ours\n' "$state/heads" >&2; exit 77; }
for head in "$state/heads"/*; do
  [ -f "$head" ] && [ ! -L "$head" ] || continue
  head -c 4096 -- "$head"
  printf '\n'
done
exit 0
"""
)


class Witnesses:
    """The heads of audit logs on one host.

    Args:
        caller: Calls scripts there.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def all(self) -> tuple[Witness, ...]:
        """Return what the host keeps. See `Target.witnesses`."""
        called = self._called(ALL)
        return tuple(self._read(line) for line in called.stdout.splitlines() if line.strip())

    def keep(self, witness: Witness) -> Witness:
        """Have it kept, unless a later one is. See `Target.keep_witness`."""
        line = witness.model_dump_json()
        return self._read(self._called(KEEP, witness.log, str(witness.seq), line, token_hex(8)).stdout)

    def _called(self, script: str, *args: str) -> Called:
        try:
            called = self._caller.call(script, *args, seconds=SECONDS)
        except (Broken, Lost) as error:
            what = "the link broke while the audit log's head was asked for"
            raise Unreachable(self._caller.where, what, "try again") from error
        if called.exit_code != 0 or called.left_out:
            what = f"~/.remediate/heads cannot be used ({called.error})"
            raise CouldNotLook(self._caller.where, what, "look at it there")
        return called

    def _read(self, line: bytes) -> Witness:
        try:
            return Witness.model_validate_json(line)
        except ValidationError as error:
            what = "an audit log's head in ~/.remediate/heads is not as it was written"
            raise CouldNotLook(self._caller.where, what, "look who changed it there") from error
