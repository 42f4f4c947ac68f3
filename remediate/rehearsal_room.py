"""The room beside an app in which trials are done: its shell text, and what it told as values. Runs nothing.

All trials of one app are one job, so that they share a room, and in it one real copy of the app, packages and all: what
a build or a generator writes anywhere below the app, it writes there. The room is made, and taken away, by the same
shell, whatever becomes of the runner. A room is alive as long as something in it runs, which is a lock on its directory
(flock(2)); one that is not was left by a kill or a reboot, and whoever comes next takes it away.
"""

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from remediate.errors import CouldNotLook
from remediate.questions import Run, RunAnswer
from remediate.steps import Trial
from remediate.target import Job

SHOWN_FILES, LAST_LINES = 20, 30
Laid = tuple[tuple[str, str], ...]
"""Files that are laid into a copy: each by its path below the app, and where it was written beside the room."""
PREPARING = 0
"""The number of what makes the copy, and lays files of earlier changes into it; trials are counted from 1."""
UNTRIED = 3
"""Exit code of a trial that could not be tried at all."""
_MEBIBYTE = 1024

ROOM_QUESTION_SCRIPT = """
# $1 the app's directory. Prints the place for a room, its time of change, and in KiB: what is free there, what a copy
# of the sources takes, and the packages; each with a NUL behind it.
cd -- "$1" || exit 3
beside=$(dirname -- "$PWD")
[ -w "$beside" ] || beside=$PWD
size() { du -sk "$@" 2>/dev/null | tail -n 1 | cut -f 1; }
printf '%s\\0' "$beside" "$(stat -c %y -- "$beside")" "$(df -k --output=avail -- "$beside" | tail -n 1)" \\
    "$(size --exclude=./node_modules --exclude=./.git --exclude='./.*.remediate-*' .)" "$(size node_modules)"
"""

ROOM = """
# Of a rehearsal: $1 the app's directory, $2 the place for the room, $3 the time of that place, $4 its token; then
# for each trial its number, seconds, how many arguments it has, its script, and those.
# Prints records, each ended by a NUL: T number, exit code, beginning, end; N how many files would appear, disappear and
# change; F one of them; L one of the last lines. After one that fails, none is tried. Last, M a file of the app itself
# that is another than before.
LC_ALL=C
# npm notes each of its commands in the home; that is no place of a rehearsal's.
npm_config_logs_max=0 npm_config_update_notifier=false
export LC_ALL npm_config_logs_max npm_config_update_notifier
app=$1 beside=$2 mtime=$3
name=.$(basename -- "$1").remediate-rehearsal-
room=$beside/$name$4
work=$room.tree/$(basename -- "$1")
shift 4
finish() {
    trap '' HUP INT TERM # timeout(1) passes the signal on to whoever got it already: once is enough
    wait
    rm -rf -- "$room.tree" "$room".file-*
    rm -rf -- "$room"
    touch -d "$mtime" -- "$beside"
}
trap finish EXIT
trap 'exit 143' HUP INT TERM
# Whoever comes and goes does it one after the other: a room that is made and not locked yet is nobody's leftover.
exec 7<"$beside" || exit 3
flock 7 || exit 3
for left in "$beside/$name"*; do
    case $left in "$room"* | *.tree | *.file-*) continue ;; esac
    [ -d "$left" ] && [ ! -L "$left" ] && [ -O "$left" ] || continue
    (exec 8<"$left" && flock -n 8) || continue
    rm -rf -- "$left.tree" "$left".file-* "$left"
done
# Files are written before their room is made; without one for an hour, nobody comes for them any more.
find "$beside" -maxdepth 1 -name "$name*.file-*" -user "$(id -u)" -type f -mmin +60 -exec rm -f -- {} +
# What a runner that was killed never fetched, or a reboot cut short.
find "$HOME/.remediate/jobs" -maxdepth 1 -name 'rehearsal-*' -mmin +60 2>/dev/null | while IFS= read -r job; do
    [ ! -e "$job/rc" ] && [ -z "$(find "$job" -maxdepth 0 -mmin +1440)" ] || rm -rf -- "$job"
done
mkdir -m 700 -- "$room" || exit 3
exec 8<"$room"
flock -n 8 || exit 3
exec 7<&-

try() {  # $1 seconds, $2 how many arguments, $3 the script, then those, and all that comes later
    limit=$1 count=$2 script=$3
    shift 3
    total=$# at=0
    for one do
        at=$((at + 1))
        [ "$at" -gt "$count" ] || set -- "$@" "$one"
    done
    shift "$total"
    timeout -k 5 "$limit" sh -c "$script" sh "$room" "$work" "$@" </dev/null
}
as_it_lies() { # of the app itself, but for its log files: sources, build, and what is generated among its packages
    cd -- "$app" && {
        find . \\( -path ./.git -o -name '.*.remediate-*' -o -path ./node_modules \\) -prune \\
            -o ! -type d ! -name '*.log' -printf '%p\\t%s %T@ %i\\n'
        for one in .prisma @prisma .cache; do
            [ ! -d "node_modules/$one" ] || find "node_modules/$one" ! -type d -printf './%p\\t%s %T@ %i\\n'
        done
    }
}
(as_it_lies) >"$room/before" 2>/dev/null
differ() { if [ -f "$room/report" ]; then grep -zc "^$1 " -- "$room/report"; else echo 0; fi; }
while [ "$#" -gt 0 ]; do
    number=$1 limit=$2 count=$3 script=$4
    shift 4
    rm -rf -- "$room/report"
    read -r begun _ </proc/uptime
    # Into a file, and shown from there: what a build leaves running in the background holds up no pipe.
    : >"$room/said"
    try "$limit" "$count" "$script" "$@" >"$room/said" 2>&1 &
    trial=$!
    tail -f -n +1 -s 0.2 --pid="$trial" -- "$room/said" >&2 &
    wait "$trial"
    code=$?
    read -r ended _ </proc/uptime
    shift "$count"
    printf 'T%s %s %s %s\\0' "$number" "$code" "$begun" "$ended"
    printf 'N%s %s %s\\0' "$(differ +)" "$(differ -)" "$(differ '~')"
    [ ! -f "$room/report" ] || sort -z -k 2 -- "$room/report" | head -z -n 20 | sed -z 's/^/F/'
    tail -n 30 -- "$room/said" | tr '\\n' '\\0' | sed -z 's/^/L/'
    [ "$code" -eq 0 ] || break
done
(as_it_lies) >"$room/after" 2>/dev/null
sort -- "$room/before" "$room/after" | uniq -u | cut -f 1 | uniq | head -n 20 | tr '\\n' '\\0' | sed -z 's/^/M/'
"""

COPY_SCRIPT = """
# $1 the rehearsal's room, $2 where the copy goes, $3 the app's directory. It stands in a directory of its own, so that
# what is written beside it is written beside nothing that lives; so what reads beside the app cannot be tried.
app=$3 work=$2
give_up() { echo "$1" >&2; exit 3; }
cd -- "$app" || exit 3
settings='package.json tsconfig*.json *.config.js *.config.ts *.config.[cm][jt]s'
beside=$(grep -lsE "(^|[^./[:alnum:]])(\\./)*\\.\\./" $settings)
[ -z "$beside" ] || give_up "$(echo $beside) has ../ in it, and a copy has nothing beside it"
mkdir -m 700 -- "$1.tree" "$work" || give_up 'no place for a copy'
for one in * .[!.]* ..?*; do
    case $one in .git | .*.remediate-*) continue ;; esac
    [ -e "$one" ] || [ -L "$one" ] || continue
    cp -a --reflink=auto -- "./$one" "$work/" || give_up 'the copy failed'
done
chmod --reference=. -- "$work"
work=$(cd -P -- "$work" && pwd -P) || exit 3
# What is written through a link that leads out of the copy is written there.
out=$(find "$work" -type l -exec sh -c '
    work=$1
    shift
    for link do
        leads=$(readlink -m -- "$link")
        case $leads in "$work"/*) ;; *) echo "${link#"$work/"} leads to $leads" && exit ;; esac
    done' sh "$work" {} +)
[ -z "$out" ] || give_up "$(printf '%s\\n' "$out" | head -n 1), out of the app, where a trial would write"
"""

LAY_SCRIPT = """
# $1 the rehearsal's room, $2 the copy; $3, $4, … where a file goes, and what was written for it beside the room.
work=$2
shift 2
while [ "$#" -gt 0 ]; do
    mkdir -p -- "$(dirname -- "$work/$1")" || exit 3
    [ ! -e "$work/$1" ] || chmod --reference="$work/$1" -- "$2" || exit 3
    mv -fT -- "$2" "$(readlink -m -- "$work/$1")" || exit 3
    shift 2
done
"""


@dataclass(frozen=True)
class Place:
    """Where a room would be, and whether there is room.

    Attributes:
        beside: The directory that it would be made in.
        mtime: That directory's time of change, to be put back.
        free: KiB.
        sources: KiB of a copy of the app, without its packages.
        packages: KiB of its packages.
    """

    beside: str
    mtime: str
    free: int
    sources: int
    packages: int

    def needed(self, trials: Iterable[Trial]) -> int:
        """Return the KiB that these trials take at once, with a fifth for what they make of it."""
        again = self.packages if any(trial.installs for trial in trials) else 0
        return (self.sources + self.packages + again) * 6 // 5 + _MEBIBYTE

    def refusal(self, trials: Sequence[Trial]) -> str:
        """Return in a clause why there is no room; empty where there is."""
        needed = self.needed(trials)
        if needed <= self.free:
            return ""
        return f"a copy needs {size_of(needed)} in {self.beside}, and {size_of(self.free)} are free"


@dataclass(frozen=True)
class Tried:
    """What came of one trial.

    Attributes:
        exit_code: Its own.
        seconds: How long it took.
        counts: How many files would appear, disappear, change.
        files: The first of them.
        last_lines: The end of what it said.
    """

    exit_code: int
    seconds: float
    counts: tuple[int, int, int] = (0, 0, 0)
    files: tuple[str, ...] = ()
    last_lines: tuple[str, ...] = ()


def size_of(kibibytes: int) -> str:
    """Return a size as a person reads it."""
    return f"{kibibytes / _MEBIBYTE:.0f} MiB" if kibibytes >= _MEBIBYTE else f"{kibibytes} KiB"


def room_question(place: str) -> Run:
    """Return the question where a room for an app's directory would be, and whether there is room."""
    return Run(script=ROOM_QUESTION_SCRIPT, args=(place,), about=(f"file:{place}",), timeout=60.0)


def read_place(place: str, answer: RunAnswer) -> Place:
    """Return what the answer says.

    Raises:
        CouldNotLook: It could not be asked.
    """
    records = answer.text.split("\0")[:5]
    try:
        beside, mtime, *sizes = records
        free, sources, packages = (int(size or 0) for size in sizes)
    except ValueError as error:
        said = answer.error_text.strip().rpartition("\n")[2] or f"exit code {answer.exit_code}"
        raise CouldNotLook(place, f"its size could not be asked: {said}", "look at it") from error
    return Place(beside, mtime, free, sources, packages)


def file_beside(place: str, beside: str, token: str, number: int) -> str:
    """Return the path at which a file that is to be laid into the room is written before."""
    return posixpath.join(beside, f".{posixpath.basename(place)}.remediate-rehearsal-{token}.file-{number}")


def room_job(place: str, where: Place, token: str, trials: Sequence[tuple[int, Trial, Laid]]) -> Job:
    """Return the one job that does all trials of an app.

    Args:
        place: The app's directory.
        where: Where the room is made.
        token: This rehearsal's own.
        trials: Each with its number, and the files that the changes before it write.
    """
    words = [str(PREPARING), "600", "1", COPY_SCRIPT, place]
    for number, trial, laid in trials:
        laying = [word for pair in laid for word in pair]
        words += [str(PREPARING), "60", str(len(laying)), LAY_SCRIPT, *laying] if laying else []
        words += [str(number), f"{trial.timeout:g}", str(len(trial.args)), trial.script, *trial.args]
    return Job(
        script=ROOM,
        args=(place, where.beside, where.mtime, token, *words),
        timeout=720.0 + sum(trial.timeout + 70.0 for _, trial, _ in trials),
        doing="the rehearsal",
        records=True,
    )


def read_moved(answer: RunAnswer) -> tuple[str, ...]:
    """Return the first files of the app itself that are others than before the trials."""
    return tuple(record[1:] for record in answer.text.split("\0") if record.startswith("M"))


def read_tried(answer: RunAnswer) -> dict[int, Tried]:
    """Return what came of each trial that was begun, by its number."""
    return dict(_parts(answer.text.split("\0")))


def _parts(records: Sequence[str]) -> Iterator[tuple[int, Tried]]:
    starts = [at for at, record in enumerate(records) if record.startswith("T")]
    for at, end in zip(starts, [*starts[1:], len(records)], strict=True):
        number, code, begun, ended = records[at][1:].split(" ")
        counts = next((one[1:] for one in records[at:end] if one.startswith("N")), "0 0 0")
        appear, disappear, change = map(int, counts.split(" "))
        yield (
            int(number),
            Tried(
                exit_code=int(code),
                seconds=float(ended) - float(begun),
                counts=(appear, disappear, change),
                files=tuple(one[1:] for one in records[at:end] if one.startswith("F")),
                last_lines=tuple(one[1:] for one in records[at:end] if one.startswith("L")),
            ),
        )
