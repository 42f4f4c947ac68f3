"""What a host is asked about what it offers: services, ports, its clock. Scripts, and answers as values.

Facts: a wrapper unit (Debian's `postgresql.service`, ExecStart=/bin/true) stays `active (exited)` while what it stands
for is down; so the units that are part of it count (systemd.unit(5), PartOf= and its other end, ConsistsOf).
"""

import re
from dataclasses import dataclass

from remediate.errors import CouldNotLook
from remediate.providers.system_host import NOT_THERE, lines_of
from remediate.questions import Answers, Run

SERVICE_SCRIPT = r"""
# $1 a unit of systemd. Prints its properties, then those of the units that it stands for: what is part of it, and the
# instances of its template. `Alive` says that its main process is there.
[ -d /run/systemd/system ] && command -v systemctl >/dev/null || exit 3
export LC_ALL=C
told() {
    systemctl show --property=Id,LoadState,ActiveState,SubState,Type,MainPID,Result -- "$1" || exit 4
    pid=$(systemctl show --property=MainPID --value -- "$1")
    [ "${pid:-0}" -eq 0 ] || [ ! -d "/proc/$pid" ] || echo Alive=yes
    echo
}
told "$1"
{
    systemctl show --property=ConsistsOf --value -- "$1" | tr ' ' '\n'
    systemctl list-units --all --plain --no-legend --type=service "${1%.service}@*" | awk '{ print $1 }'
} | sort -u | while IFS= read -r unit; do
    [ -z "$unit" ] || [ "$unit" = "$1" ] || told "$unit"
done
"""
PORT_SCRIPT = r"""
# $1 a TCP port. Prints who listens there: user, address as the kernel writes it, and where its /proc may be read, the
# process with its name. No arguments: a password may be among them.
[ -r /proc/net/tcp ] || exit 3
hexadecimal=$(printf '%04X' "$1")
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port="$hexadecimal" '
    { split($2, place, ":") } $4 == "0A" && place[2] == port { print $8, place[1], $10 }' |
    while read -r uid address inode; do
        user=$(id -nu "$uid" 2>/dev/null || printf '%s' "$uid")
        held=$(find /proc/[0-9]*/fd -maxdepth 1 -lname "socket:\[$inode\]" 2>/dev/null | cut -d / -f 3 | sort -u)
        [ -n "$held" ] || printf '%s %s\n' "$user" "$address"
        for pid in $held; do
            read -r name <"/proc/$pid/comm" && printf '%s %s %s %s\n' "$user" "$address" "$pid" "$name"
        done
    done
"""
CLOCK_SCRIPT = r"""
# Prints the time, and whether something keeps the clock right, where systemd knows.
date +%s.%N
[ -d /run/systemd/system ] && timedatectl show --property=NTPSynchronized --value 2>/dev/null || echo unknown
"""


@dataclass(frozen=True)
class Unit:
    """A unit of systemd, or an instance of it."""

    name: str
    load: str
    active: str
    sub: str
    type: str
    pid: int
    alive: bool

    @property
    def runs(self) -> bool:
        """Whether its main process is there, or, where it has none to speak of, whether it is running."""
        return self.alive or (self.active == "active" and self.sub == "running" and not self.pid)

    @property
    def told(self) -> str:
        """Its state, as systemd's own tools write it."""
        return (
            f"{self.name} is {self.active} ({self.sub})"
            if self.load == "loaded"
            else f"{self.name} is {self.load}"
        )


def read_units(answers: Answers, question: Run) -> tuple[Unit, ...]:
    """Return the unit, then those that it stands for.

    Raises:
        CouldNotLook: No systemd runs there, or it does not answer.
    """
    answer = answers[question]
    if answer.exit_code:
        what = "no systemd runs there" if answer.exit_code == NOT_THERE else "systemd does not answer"
        raise CouldNotLook(
            answers.where, f"{question.args[0]}: {what}", "ask what the service offers: its port, its page"
        )
    return tuple(_unit(block) for block in answer.text.split("\n\n") if block.strip())


def _unit(block: str) -> Unit:
    told = dict(line.partition("=")[::2] for line in block.splitlines())
    return Unit(
        name=told.get("Id", ""),
        load=told.get("LoadState", ""),
        active=told.get("ActiveState", ""),
        sub=told.get("SubState", ""),
        type=told.get("Type", ""),
        pid=int(told.get("MainPID") or 0),
        alive="Alive" in told,
    )


@dataclass(frozen=True)
class Listener:
    """Who listens on a port.

    Attributes:
        user: Whose it is.
        everywhere: Whether it can be reached from outside, not from the host itself alone.
        pid: Its process; 0 where we may not see that.
        name: Its process's name; empty where we may not see that.
    """

    user: str
    everywhere: bool
    pid: int = 0
    name: str = ""


_LOOPBACK = re.compile(r"[0-9A-F]{6}7F|0{24}01000000|0{16}FFFF0000[0-9A-F]{6}7F")


def read_listeners(answers: Answers, question: Run) -> tuple[Listener, ...]:
    """Return who listens, each process once.

    Raises:
        CouldNotLook: There is no /proc.
    """
    found = (line.split(" ", 3) for line in lines_of(answers, question))
    seen = [
        Listener(user, not _LOOPBACK.fullmatch(address), int(rest[0]) if rest else 0, rest[1] if rest else "")
        for user, address, *rest in found
    ]
    return tuple(dict.fromkeys(sorted(seen, key=lambda one: (one.pid, not one.everywhere))))
