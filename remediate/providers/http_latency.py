"""HTTP, how long it takes: some small GETs one after the other, from the host itself. Loads nothing, judges no body.

Times are curl's own (`time_total`: from the beginning of a request to its last byte), so neither ssh nor the start of a
program is in them.
"""

from math import ceil
from typing import ClassVar, Literal, cast

from pydantic import Field, field_validator

from remediate.errors import CouldNotLook
from remediate.model import Finding
from remediate.promise import Need
from remediate.questions import Answers, Run, RunAnswer
from remediate.steps import Check, Questions, Step

LATENCY_SCRIPT = r"""
# $1 a URL, $2 how often, $3 the seconds for all of it, $4 for one, $5 whether a bearer token stands on standard input.
# One curl, so that all go over one connection; by lines, so that none is lost when time is over. Prints a status and
# seconds for each. The token is in no argument.
command -v curl >/dev/null || exit 3
token=
[ "$5" = none ] || IFS= read -r token
left=$2 url=$1 limit=$4
set -- "$3"
while [ "$left" -gt 0 ]; do
    set -- "$@" --output /dev/null "$url"
    left=$((left - 1))
done
seconds=$1
shift
{
    printf 'silent\ngloboff\nmax-time = "%s"\nwrite-out = "%%{http_code} %%{time_total}\\n"\n' "$limit"
    [ -z "$token" ] || printf 'header = "Authorization: Bearer %s"\n' "$(printf '%s' "$token" | sed 's/["\\]/\\&/g')"
} | timeout -k 1 "$seconds" stdbuf -oL curl -q --config - "$@"
exit 0
"""
NO_CURL, NO_ANSWER = 3, "000"


class HttpLatency(Check):
    """How long a path takes to answer, asked from the host: all but the slowest twentieth must be quick enough.

    Facts for later steps: `p50`, `p95` and `slowest` in seconds, `answered`.
    """

    kind: ClassVar[str] = "http.latency"
    tells: ClassVar[str] = (
        "Requests {path} {times} times from the host itself, and looks whether all but the slowest twentieth are"
        " answered within {max_seconds} s[; the inventory's secret {bearer} is sent as bearer token]"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.CURL,)
    path: str = Field(description="As `/health`, with its query; something small.")
    max_seconds: float = Field(default=1.0, gt=0, description="What 95 of 100 requests may take at most.")
    times: int = Field(default=20, ge=1, le=200, description="How often it is asked.")
    budget: int = Field(default=10, ge=1, le=60, description="Seconds for all requests together.")
    bearer: str | None = Field(
        default=None, description="Name of the inventory's secret to send as bearer token."
    )
    host: str = Field(default="localhost", description="As the host itself calls it.")
    port: int = Field(default=cast("int", "{{ app.port }}"), ge=1, le=65535)
    scheme: Literal["http", "https"] = "http"
    app: str = Field(default="{{ app.name }}", description="The process that answers.")

    @field_validator("path")
    @classmethod
    def _begins_at_the_root(cls, path: str) -> str:
        if not path.startswith("/"):
            raise ValueError("must begin with /")
        return path

    @property
    def question(self) -> Run:
        """The question how long each request takes."""
        url = f"{self.scheme}://{self.host}:{self.port}{self.path}"
        limits = (str(self.times), str(self.budget), str(self.budget))
        return Run(
            script=LATENCY_SCRIPT,
            args=(url, *limits, "token" if self.bearer else "none"),
            about=(f"process:{self.app}",),
            timeout=self.budget + 5.0,
            secret=self.bearer,
        )

    def ask(self) -> Questions:
        """Return the one question."""
        return (self.question,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare the time that 95 of 100 stay under with what it may be.

        Raises:
            CouldNotLook: There is no curl on the host.
        """
        del first
        seconds = sorted(self._seconds(now[self.question], now.where))
        if not seconds:
            return Finding(
                healthy=False, seen=f"GET {self.path}: no answer in {self.budget} s", facts={"answered": 0}
            )
        p95, cut = _of(seconds, 0.95), len(seconds) < self.times
        lacking = f"; only {len(seconds)} of {self.times} were answered in {self.budget} s" if cut else ""
        slow = f", more than {self.max_seconds:g} s" if p95 > self.max_seconds else ""
        return Finding(
            healthy=not (slow or cut),
            seen=f"GET {self.path}: 95 of 100 take {p95:.3f} s at most{slow}{lacking}",
            facts={
                "p50": _of(seconds, 0.5),
                "p95": p95,
                "slowest": seconds[-1],
                "answered": len(seconds),
            },
        )

    def _seconds(self, answer: RunAnswer, where: str) -> list[float]:
        if answer.exit_code == NO_CURL:
            raise CouldNotLook(where, "there is no curl on this host", "install it")
        pairs = (line.partition(" ") for line in answer.text.splitlines())
        return [float(took) for status, _, took in pairs if took and status != NO_ANSWER]


def _of(seconds: list[float], share: float) -> float:
    """Return the smallest time that at least this share of all stay within (nearest rank)."""
    return seconds[max(1, ceil(len(seconds) * share)) - 1]


STEPS: tuple[type[Step], ...] = (HttpLatency,)
