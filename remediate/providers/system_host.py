"""What a host is asked about itself: constant scripts over /proc, and their answers as values. Judges nothing.

Nothing here depends on the host's language or on packages beside coreutils, findutils and awk. What only its
administrator may read (another user's files in /proc, the kernel's log) is said to be out of sight; nothing is guessed.
"""

import re
from dataclasses import dataclass

from remediate.errors import CouldNotLook
from remediate.questions import Answers, Run

DISK_SCRIPT = r"""
# $1 a path, ~ being our home; $2 and $3 the percent and bytes that must be free, $4 the percent of inodes; then where
# to look for what is large, which is only done where less is free. Prints figures, mount point, and KiB with path, each
# ended by a NUL. A path that is not there yet is judged by what it would be made in.
at_home() {
    case $1 in '~') printf '%s\n' "$HOME" ;; '~/'*) printf '%s\n' "$HOME${1#'~'}" ;; *) printf '%s\n' "$1" ;; esac
}
path=$(at_home "$1")
while [ ! -e "${path:-/}" ] && [ -n "$path" ]; do path=${path%/*}; done
figures=$(stat -f -c '%a %b %S %d %c' -- "${path:-/}") || exit 3
printf '%s\0%s\0' "$figures" "$(stat -c %m -- "${path:-/}")"
percent=$2 bytes=$3 inodes=$4
shift 4
tight() {
    [ $(($1 * 100)) -lt $(($2 * percent)) ] || [ $(($1 * $3)) -lt "$bytes" ] || [ $(($4 * 100)) -lt $(($5 * inodes)) ]
}
tight $figures || exit 0
for root do
    root=$(at_home "$root")
    [ ! -d "$root" ] || timeout 10 find "$root" -xdev \
        \( -name '*.remediate-*' -o -name .cache -o -name _cacache -o -name 'dist[._-]*' -o -name 'build[._-]*' \
        -o -name '*.old' \) -prune -print0 \
        -o -type f \( -name '*.log' -o -name '*.log.*' -o -size +20480k \) -print0
done 2>/dev/null | xargs -0 -r du -x -s -k -0 -- 2>/dev/null | sort -z -u | sort -z -r -n | head -z -n 20
"""
MEMORY_SCRIPT = r"""
# Prints /proc/meminfo, how often the kernel has killed for want of memory since it began, how long ago that is, and
# what of it still stands in its log, where that may be read.
export LC_ALL=C
cat /proc/meminfo 2>/dev/null || exit 3
grep '^oom_kill ' /proc/vmstat
read -r up _ </proc/uptime && printf 'uptime %s\n' "$up"
if kernel=$(dmesg 2>/dev/null); then
    printf '%s\n' 'kernel open' "$kernel" | grep -i -e '^kernel open' -e 'out of memory: killed process' | tail -n 6
fi
"""
CPU_SCRIPT = r"""
# $1 the seconds between two looks. Prints what the processors did before and after, the load, and who had to wait.
read -r before </proc/stat || exit 3
sleep "$1"
read -r after </proc/stat
read -r load </proc/loadavg
printf 'before %s\nafter %s\nload %s\ncores %s\n' "$before" "$after" "$load" "$(grep -c '^cpu[0-9]' /proc/stat)"
sed 's/^/pressure /' /proc/pressure/cpu 2>/dev/null || true
"""
NOT_THERE = 3
_SIZE = re.compile(r"(?P<name>\w+): +(?P<kibibytes>\d+) kB")
_KILLED = re.compile(
    r"^\[\s*(?P<at>\d+)\.\d+\].*killed process (?P<pid>\d+) \((?P<name>.*?)\)", re.IGNORECASE
)


def disk_question(path: str, percent: int, free: int, inodes: int, largest: tuple[str, ...]) -> Run:
    """Return the question how much is free, and what is large where that is too little."""
    args = (path, str(percent), str(free), str(inodes), *largest)
    return Run(script=DISK_SCRIPT, args=args, timeout=60.0)


@dataclass(frozen=True)
class Space:
    """A file system.

    Attributes:
        mount: Where it is mounted.
        free: Bytes that we may still write.
        percent: How much that is of all.
        inodes: How many percent of its inodes are free; None where it has no fixed number of them.
        large: What could go, in bytes, by path, the largest first; looked for only where too little is free.
    """

    mount: str
    free: int
    percent: float
    inodes: float | None
    large: tuple[tuple[int, str], ...]


def read_space(answers: Answers, question: Run) -> Space:
    """Return the file system.

    Raises:
        CouldNotLook: The path is below what may not be entered.
    """
    answer = answers[question]
    if answer.exit_code == NOT_THERE:
        raise CouldNotLook(question.args[0], "could not be looked at", "check the path, and who we are there")
    figures, mount, *large = answer.text.split("\0")
    available, blocks, size, inodes, all_inodes = (int(figure) for figure in figures.split())
    found = (record.partition("\t") for record in large if "\t" in record)
    return Space(
        mount=mount,
        free=available * size,
        percent=100 * available / blocks if blocks else 0.0,
        inodes=100 * inodes / all_inodes if all_inodes else None,
        large=tuple((int(kibibytes) * 1024, path) for kibibytes, _, path in found),
    )


@dataclass(frozen=True)
class Memory:
    """A host's memory.

    Attributes:
        total: Bytes.
        available: Bytes that a new program could have, as the kernel reckons (proc(5), MemAvailable).
        kills: How many processes were killed for want of memory since it was booted; None where the kernel is too old.
        killed: Seconds since then, and name, of those that stand in the kernel's log; None where it is closed to us.
    """

    total: int
    available: int
    kills: int | None
    killed: tuple[tuple[float, str], ...] | None


def read_memory(answers: Answers, question: Run) -> Memory:
    """Return the memory.

    Raises:
        CouldNotLook: There is no /proc.
    """
    lines = lines_of(answers, question)
    met = (_SIZE.fullmatch(line) for line in lines)
    sizes = {one["name"]: int(one["kibibytes"]) for one in met if one}
    words = dict(line.split()[:2] for line in lines if line.startswith(("oom_kill ", "uptime ")))
    up = float(words.get("uptime", 0))
    ends = (_KILLED.match(line) for line in lines)
    killed = tuple((up - float(one["at"]), f"{one['name']} (pid {one['pid']})") for one in ends if one)
    return Memory(
        total=sizes["MemTotal"] * 1024,
        available=sizes.get("MemAvailable", sizes["MemFree"]) * 1024,
        kills=int(words["oom_kill"]) if "oom_kill" in words else None,
        killed=killed if "kernel open" in lines else None,
    )


@dataclass(frozen=True)
class Processors:
    """What the processors did between two looks.

    Attributes:
        busy: Percent of the time.
        stolen: Percent that the machine beneath kept for others.
        load: How many processes ran or waited, over one, five and fifteen minutes.
        cores: How many there are.
        waited: Percent of the last minute in which something had to wait for a processor; None on an older kernel.
    """

    busy: float
    stolen: float
    load: tuple[float, float, float]
    cores: int
    waited: float | None


def read_processors(answers: Answers, question: Run) -> Processors:
    """Return what the processors did.

    Raises:
        CouldNotLook: There is no /proc.
    """
    told = dict(line.partition(" ")[::2] for line in reversed(lines_of(answers, question)))
    before, after = ([int(field) for field in told[key].split()[1:9]] for key in ("before", "after"))
    spent = [new - old for old, new in zip(before, after, strict=True)]
    all_of_it = sum(spent) or 1
    one, five, fifteen, *_ = told["load"].split()
    met = re.search(r"some .*avg60=([\d.]+)", told.get("pressure", ""))
    return Processors(
        busy=100 * (all_of_it - spent[3] - spent[4]) / all_of_it,
        stolen=100 * spent[7] / all_of_it,
        load=(float(one), float(five), float(fifteen)),
        cores=max(1, int(told["cores"])),
        waited=float(met[1]) if met else None,
    )


def lines_of(answers: Answers, question: Run) -> list[str]:
    """Return the lines of an answer.

    Raises:
        CouldNotLook: There is no /proc.
    """
    answer = answers[question]
    if answer.exit_code:
        raise CouldNotLook(answers.where, "there is no /proc that could be read", "this check is for Linux")
    return answer.text.splitlines()
