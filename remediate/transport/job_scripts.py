"""The shell text of jobs: how one is begun, followed, ended and forgotten on the host. Runs nothing itself.

A job's directory holds: `began` (made by whoever may run it: once for ever), `boot` (the boot it was begun in),
`leader` (who watches over it), `session` (the process session that is the job), `out` and `err` (the first bytes of
its output) with `out.tail` and `err.tail` (the last ones), and at the end `rc`, by rename. `stopped` says that it was
to be ended, and `never` that it was called off before it ran. A directory named after what jobs have in common
(`run/1.1` of `run/1.1/1`) holds nothing but `never`, for all of them.

Whoever begins a job writes `leader` and then looks for `stopped` and `never`; whoever ends one writes these and then
looks for `leader`. So one of both always sees the other, however late a shell comes to run.
"""

from remediate.transport.state import STATE

HEAD = 1024 * 1024
"""Bytes of each stream that are kept from its beginning, and shown as they come."""
TAIL = 256 * 1024
"""Bytes of each stream that are kept from its end."""

# A process is known by its number and the time it was born at: numbers are used again. proc(5), /proc/pid/stat.
PROCESSES = r"""
born() {
  read -r line 2>/dev/null <"/proc/$1/stat" || return 1
  set -- ${line##*) }
  [ "$1" != Z ] && printf '%s\n' "${20}"
}
members() {  # the processes of a session that are no zombies
  session=$1
  for stat in /proc/[0-9]*/stat; do
    read -r line 2>/dev/null <"$stat" || continue
    pid=${stat#/proc/}
    set -- ${line##*) }
    [ "$4" != "$session" ] || [ "$1" = Z ] || printf '%s ' "${pid%/stat}"
  done
}
end_session() {  # $1 session, $2 seconds between TERM and KILL; false where something of it lives on
  found=$(members "$1")
  [ -n "$found" ] || return 0
  kill -s TERM -- $found 2>/dev/null
  rounds=0
  while found=$(members "$1") && [ -n "$found" ]; do
    rounds=$((rounds + 1))
    [ "$rounds" -le "$(($2 * 10))" ] || kill -s KILL -- $found 2>/dev/null
    [ "$rounds" -le "$(($2 * 10 + 50))" ] || return 1
    sleep 0.1
  done
}
"""

# $1 directory, $2 seconds, $3 seconds between TERM and KILL, $4 head, $5 tail, $6 script, then its arguments.
# Output goes through pipes, so that no command can fill the disk; a daemon that keeps a pipe open is not waited for,
# and the pipe's reader stays for it, so that it never meets a closed one.
SUPERVISE = (
    PROCESSES
    + r"""
job=$1 limit=$2 grace=$3 head=$4 tail=$5 script=$6
shift 6
mkdir -- "$job/began" 2>/dev/null || exit 0
mask=$(umask)
umask 077
printf '%s %s\n' "$$" "$(born "$$")" >"$job/leader.new" && mv -- "$job/leader.new" "$job/leader" ||
  { rmdir -- "$job/began"; exit 1; }
[ ! -e "$job/stopped" ] && [ ! -e "${job%\%2F*}/never" ] || { : >"$job/never"; exit 0; }
exec 9<&- # the host's lock, see fence.py: whoever takes it away waits until here, and then finds a leader to end
keep() {
  {
    stdbuf -o0 head -c "$head" >"$job/$1"
    if [ "$(stat -c %s -- "$job/$1")" -ge "$head" ]; then
      { tee /dev/fd/5 | tail -c "$tail" >"$job/$1.tail" 5>&-; } 5>&1 | wc -c >"$job/$1.rest"
    fi
  } <"$job/$1.pipe"
  : >"$job/$1.done"
}
keep out &
keep err &
read -r begun _ </proc/uptime
(
  read -r own _ </proc/self/stat
  printf '%s %s\n' "$own" "$(born "$own")" >"$job/session.new" && mv -- "$job/session.new" "$job/session"
  # Its leader may have been killed and the job called off meanwhile: who ends it wrote first, and then looked for us.
  [ ! -e "$job/stopped" ] && [ ! -e "${job%\%2F*}/never" ] || exit 143
  umask "$mask"
  exec setsid timeout -k "$grace" "$limit" sh -c "$script" sh "$@"
) </dev/null >"$job/out.pipe" 2>"$job/err.pipe" &
session=$!
wait "$session"
code=$?
case $code in 124 | 137) end_session "$session" 0 ;; esac
read -r ended _ </proc/uptime
rounds=0
until { [ -e "$job/out.done" ] && [ -e "$job/err.done" ]; } || [ "$rounds" -ge 20 ]; do
  rounds=$((rounds + 1))
  sleep 0.05
done
printf '%s %s %s\n' "$code" "$begun" "$ended" >"$job/rc.new" && mv -- "$job/rc.new" "$job/rc"
"""
)

JOB = (
    STATE
    + PROCESSES
    + r"""
read -r boot </proc/sys/kernel/random/boot_id
enter() { job=$state/jobs/$1; }
grown() {  # $1 stream, $2 bytes shown so far: shows the rest, and sets `size`
  size=$(stat -c %s -- "$job/$1" 2>/dev/null) || size=0
  [ "$size" -le "$2" ] || tail -c "+$(($2 + 1))" -- "$job/$1" | head -c "$(($size - $2))"
}
last() {  # $1 stream, $2 bytes shown so far: shows its tail, less what was shown of it before the link broke
  [ -e "$job/$1.tail" ] || return 0
  tail -c "+$(($2 - $(stat -c %s -- "$job/$1") + 1))" -- "$job/$1.tail"
}
rest() { cat -- "$job/$1.rest" 2>/dev/null || printf '0\n'; }
lost() {  # whether nobody is there any more who could tell how it ended
  read -r then <"$job/boot"
  [ "$then" = "$boot" ] || return 0
  [ -e "$job/leader" ] || return 1
  read -r pid birth <"$job/leader"
  [ "$(born "$pid")" != "$birth" ] && [ ! -e "$job/rc" ]
}
follow() {  # $1 and $2 bytes of out and err shown so far, $3 seconds
  out=$1 err=$2 rounds=0
  read -r now _ </proc/uptime
  until=$((${now%.*} + $3))
  while :; do
    told=running
    [ ! -e "$job/rc" ] || told=finished
    grown out "$out"
    [ "$size" -le "$out" ] || out=$size
    grown err "$err" >&2
    [ "$size" -le "$err" ] || err=$size
    [ "$told" = running ] || break
    [ ! -e "$job/never" ] || { told=never; return; }
    if lost; then told=lost; return; fi
    [ -d "$job/began" ] || [ "$rounds" -le 100 ] || { told=unbegun; return; }
    read -r now _ </proc/uptime
    [ "${now%.*}" -lt "$until" ] || return 0
    rounds=$((rounds + 1))
    if [ "$rounds" -le 20 ]; then sleep 0.02; else sleep 0.1; fi
  done
  last out "$out"
  last err "$err" >&2
  told="finished $(cat -- "$job/rc") $(rest out) $(rest err)"
  [ ! -e "$job/stopped" ] || told="$told stopped"
}
"""
)

# $1 name, $2 and $3 bytes of out and err shown so far, $4 seconds to follow, $5 supervisor, then its arguments from
# $2 on.
BEGIN = (
    JOB
    + r"""
enter "$1"
out=$2 err=$3 seconds=$4 supervise=$5
shift 5
make "$state"
make "$state/jobs"
if [ ! -d "$job/began" ]; then
  make "$job"
  (
    umask 077
    printf '%s\n' "$boot" >"$job/boot.$$" && mv -- "$job/boot.$$" "$job/boot" || exit 73
    for name in out err; do
      mkfifo -- "$job/$name.pipe" 2>/dev/null || [ -p "$job/$name.pipe" ] || exit 73
      : >>"$job/$name" || exit 73
    done
  ) || exit 73
  setsid sh -c "$supervise" remediate-job "$job" "$@" </dev/null >/dev/null 2>&1 &
fi
exec 9<&-
follow "$out" "$err" "$seconds"
exit 0
"""
)
# $1 name, $2 and $3 bytes of out and err shown so far, $4 seconds.
FOLLOW = (
    JOB
    + r"""
enter "$1"
if [ -d "$job" ]; then follow "$2" "$3" "$4"; else told=unbegun; fi
exit 0
"""
)
ENDED = (
    JOB
    + r"""
left() {  # the processes of the job's session, whose number may be somebody else's by now
  read -r session birth 2>/dev/null <"$job/session" || return 0
  now=$(born "$session") && [ "$now" != "$birth" ] || members "$session"
}
over() { [ -e "$job/rc" ] || [ -e "$job/never" ] || { lost && [ -z "$(left)" ]; }; }
living() {
  found=$(left)
  [ -n "$found" ] || read -r found _ <"$job/leader"
  printf '%s ' $found
}
stop() {  # $1 seconds between TERM and KILL; false where something of the job lives on
  [ ! -e "$job/rc" ] || return 0
  touch -- "$job/stopped" || [ -e "$job/leader" ] || exit 73  # a full disk keeps no running job alive
  mkdir -- "$job/began" 2>/dev/null
  [ -e "$job/leader" ] || { : >"$job/never"; return 0; }
  read -r then <"$job/boot"
  [ "$then" = "$boot" ] || return 0
  turns=0
  until over; do
    turns=$((turns + 1))
    [ "$turns" -le 50 ] || return 1
    if [ -n "$(left)" ]; then
      read -r session _ <"$job/session"
      end_session "$session" "$1" || return 1
    fi
    sleep 0.1
  done
  # A leader that was killed leaves its own children: readers of a pipe that nobody will write to any more.
  read -r leader _ <"$job/leader"
  [ -n "$(born "$leader")" ] || end_session "$leader" "$1"
}
"""
)
ENDING = (
    ENDED
    + r"""
make "$state"
make "$state/jobs"
told=ended
"""
)
# $1 name, $2 seconds between TERM and KILL. Tells `ended`, or `alive` and the processes.
STOP = (
    ENDING
    + r"""
enter "$1"
make "$job"
stop "$2" || told="alive $(living)"
exit 0
"""
)
# $1 what the names have in common before their number, $2 seconds between TERM and KILL. Tells as STOP does.
STOP_ALL = (
    ENDING
    + r"""
make "$state/jobs/$1"
touch -- "$state/jobs/$1/never" || marked=73
for job in "$state/jobs/$1%2F"*; do
  case ${job#"$state/jobs/$1%2F"} in *[!0-9]*) continue ;; esac
  stop "$2" || { told="alive $(living)"; exit 0; }
done
exit "${marked:-0}"
"""
)
# $1 the names' common beginning. What was called off is remembered for a day: by then nobody comes late any more.
FORGET = (
    STATE
    + r"""
for job in "$state/jobs/$1"*; do
  [ ! -e "$job/rc" ] || rm -rf -- "$job"
done
for mark in "$state/jobs/"*/never; do
  [ -z "$(find "$mark" -mmin +1440 2>/dev/null)" ] || rm -rf -- "${mark%/never}"
done
[ ! -d "$state" ] || unmake "$state/jobs" "$state"
exit 0
"""
)
