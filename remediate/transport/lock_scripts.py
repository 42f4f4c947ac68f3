"""The shell text of a host's lock: how it is taken, left, looked at and taken away. Runs nothing itself.

A lock is a directory of `~/.remediate/locks`, named after the app, with `run` (whose it is) and `owner` (the same for
people, JSON). It is filled before it gets its name, and loses the name before it is emptied: nobody sees it half.

Beside that, the directory is a lock of the kernel (flock, of util-linux) for as long as a script runs: one that changes
something shares it, one that leaves the lock or takes it away has it alone. So the lock never changes hands between
the look at it and the change. A host without flock, or whose home cannot do it, has that gap: the time from one line of
a script to the next.
"""

from remediate.transport.job_scripts import ENDED
from remediate.transport.state import STATE

ALIVE, BUSY, GONE, TAKEN = 71, 72, 74, 75
"""Exit codes: a job lives on · a change is just being made · nobody has the lock · somebody else has it."""

GRIP = r"""
grip() {  # $1 lock, $2 -s to share it or -x to have it alone, $3 tenths of a second; 1: it is not there, 2: in vain
  { command exec 9<"$1"; } 2>/dev/null || return 1
  turns=0
  while :; do
    flock -n "$2" 9 2>/dev/null
    [ "$?" = 1 ] || return 0
    turns=$((turns + 1))
    [ "$turns" -le "$3" ] || return 2
    sleep 0.1
  done
}
whose() {  # sets `run`: whose lock $1 is, provided that it still is the one that is gripped; false where it is not
  run=
  [ "$1" -ef /proc/self/fd/9 ] || return 1
  read -r run 2>/dev/null <"$1/run" || run=
}
"""

# $1 lock, $2 run, $3 the owner as JSON, $4 nonce.
TAKE = (
    STATE
    + r"""
make "$state"
make "$state/locks"
lock=$state/locks/$1 new=$state/locks/.$4
(umask 077 && mkdir -- "$new") || exit 73
cleanup() { rm -rf -- "$new"; }
printf '%s\n' "$2" >"$new/run" && printf '%s\n' "$3" >"$new/owner" || exit 73
turns=0
until mv -T -- "$new" "$lock" 2>/dev/null; do  # not at once where it is left at this moment
  if ours "$lock" && read -r run 2>/dev/null <"$lock/run"; then
    [ "$run" != "$2" ] || exit 0
    ! head -c 8192 -- "$lock/owner" 2>/dev/null || exit 75
  fi
  turns=$((turns + 1))
  [ "$turns" -le 20 ] || { ours "$lock" || exit 77; exit 75; }
  sleep 0.05
done
exit 0
"""
)
# $1 lock, $2 run, $3 nonce. A job of the run that may still run keeps the lock, and is told: it would go on under
# nobody's lock. What is not begun by now never will be: who begins it has the lock in its grip until it can be seen.
LEAVE = (
    ENDED
    + GRIP
    + r"""
lock=$state/locks/$1 old=$state/locks/.$3
grip "$lock" -x 100
case $? in 1) exit 74 ;; 2) exit 72 ;; esac
whose "$lock" && [ "$run" = "$2" ] || { [ -d "$lock" ] || exit 74; head -c 8192 -- "$lock/owner"; exit 75; }
for job in "$state/jobs/$2%2F"*; do
  [ ! -d "$job/began" ] || over || told="$told ${job##*/}"
done
[ -z "$told" ] || exit 71
mv -T -- "$lock" "$old" && rm -rf -- "$old" || exit 73
unmake "$state/locks" "$state"
exit 0
"""
)
# $1 lock. Prints the run, the owner as JSON on one line, and the names of its jobs that may still run, a line each.
LOOK = (
    ENDED
    + r"""
lock=$state/locks/$1
[ -e "$lock" ] || [ -L "$lock" ] || exit 74
ours "$lock" || exit 77
read -r run 2>/dev/null <"$lock/run" || run=
case $run in *[!A-Za-z0-9_.-]*) run= ;; esac
printf '%s\n' "$run"
head -c 8192 -- "$lock/owner" 2>/dev/null | tr '\n' ' '
echo
[ -n "$run" ] || exit 0
for job in "$state/jobs/$run%2F"*; do
  [ ! -e "$job/boot" ] || over || printf '%s\n' "${job##*/}"
done
exit 0
"""
)
# $1 lock, $2 run, $3 nonce, $4 seconds between TERM and KILL. What it cannot end keeps the lock where it is.
UNLOCK = (
    ENDED
    + GRIP
    + r"""
lock=$state/locks/$1 old=$state/locks/.$3
[ -e "$lock" ] || [ -L "$lock" ] || exit 74
ours "$lock" || exit 77
grip "$lock" -x 100
case $? in 1) exit 74 ;; 2) exit 72 ;; esac
whose "$lock" || [ -d "$lock" ] || exit 74
case $run in *[!A-Za-z0-9_.-]*) run= ;; esac
[ "$lock" -ef /proc/self/fd/9 ] && [ "$run" = "$2" ] || { head -c 8192 -- "$lock/owner"; exit 75; }
if [ -n "$run" ]; then
  for job in "$state/jobs/$run%2F"*; do
    [ -e "$job/boot" ] || continue
    stop "$4" || { told=$(living); exit 71; }
  done
fi
mv -T -- "$lock" "$old" && rm -rf -- "$old" || exit 73
unmake "$state/locks" "$state"
exit 0
"""
)
