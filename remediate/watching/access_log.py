"""What an app's access log says of the last minutes, counted on the host in one constant script. Judges nothing.

The format is the common or the combined one of Apache and nginx; where a line ends with the seconds that the request
took (nginx: `$request_time`), these count as well. Nothing of a line but its time, status and seconds leaves the host.
"""

from dataclasses import dataclass

from remediate.errors import CouldNotLook
from remediate.questions import Answers, Run

LARGEST = 32 * 1024 * 1024
"""Bytes of the log's end that are read at most; of a busier app the last requests of the time are counted."""
REQUESTS_SCRIPT = r"""
# $1 the log, ~ being our home; $2 the seconds that count, $3 the bytes of its end to read at most. Prints how many
# requests there were, how many of them were answered with 500 or more, of how many is known what they took, and that.
# A log that was rotated meanwhile counts as well. What was written while the clock was ahead is not of these seconds.
case $1 in '~/'*) log=$HOME${1#'~'} ;; *) log=$1 ;; esac
[ -r "$log" ] || exit 3
now=$(date +%s)
since=$((now - $2))
old=$(find "$log.1" -maxdepth 0 -newermt "@$since" 2>/dev/null)
{ [ -z "$old" ] || tail -c "$3" -- "$old"; tail -c "$3" -- "$log"; } |
    LC_ALL=C awk -v since="$since" -v latest="$((now + 60))" '
function moment(text,   year, month, day, era, shift) {
    day = substr(text, 1, 11)
    if (!(day in days)) {
        year = substr(text, 8, 4) + 0
        month = (index("JanFebMarAprMayJunJulAugSepOctNovDec", substr(text, 4, 3)) + 2) / 3
        if (month <= 2) year--
        era = int(year / 400)
        days[day] = era * 146097 + (year - era * 400) * 365 + int((year - era * 400) / 4) \
            - int((year - era * 400) / 100) + int((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) \
            + substr(text, 1, 2) - 1 - 719468
    }
    shift = substr(text, 23, 2) * 3600 + substr(text, 25, 2) * 60
    return days[day] * 86400 + substr(text, 13, 2) * 3600 + substr(text, 16, 2) * 60 + substr(text, 19, 2) \
        - (substr(text, 22, 1) == "-" ? -shift : shift)
}
BEGIN {
    d = "[0-9]"
    stamp = "\\[" d d "/[A-Z][a-z][a-z]/" d d d d ":" d d ":" d d ":" d d " [+-]" d d d d "\\] \""
}
match($0, stamp) {
    at = moment(substr($0, RSTART + 1, 26))
    if (at <= since || at > latest) next
    rest = substr($0, RSTART + RLENGTH)
    if (!match(rest, /" [1-5][0-9][0-9] /)) next
    total++
    if (substr(rest, RSTART + 2, 1) == "5") failed++
    if ($NF ~ /^[0-9]+\.[0-9]+$/) { timed++; seconds += $NF }
}
END { printf "%d %d %d %.3f\n", total, failed, timed, seconds }'
"""
NOT_THERE = 3


@dataclass(frozen=True)
class Requests:
    """What an app answered in the time that counts.

    Attributes:
        total: How many requests there were.
        failed: How many of them were answered with 500 or more.
        timed: Of how many is known what they took.
        seconds: What these took together.
    """

    total: float
    failed: float
    timed: float
    seconds: float

    @property
    def percent_failed(self) -> float:
        """The share of those that failed."""
        return 100 * self.failed / self.total if self.total else 0.0

    @property
    def average(self) -> float:
        """The seconds that one took."""
        return self.seconds / self.timed if self.timed else 0.0


def requests_question(log: str, within: float) -> Run:
    """Return the question what was answered in the last seconds.

    Args:
        log: The log's path on the host; ~ is our home there.
        within: Seconds.
    """
    return Run(script=REQUESTS_SCRIPT, args=(log, str(int(within)), str(LARGEST)), timeout=30.0)


def read_requests(answers: Answers, question: Run) -> Requests:
    """Return what was answered.

    Raises:
        CouldNotLook: There is no such log, or it may not be read.
    """
    answer = answers[question]
    figures = answer.text.split()
    if answer.exit_code or len(figures) != 4:  # noqa: PLR2004  (the four that the script prints)
        todo = "name the app's log in `watch: requests:`"
        raise CouldNotLook(answers.where, f"{question.args[0]} could not be read", todo)
    return Requests(*map(float, figures))
