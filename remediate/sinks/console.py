"""Shows a run to a person at a terminal. The only importer of rich besides the command line; decides nothing.

Everything from a host is cleaned and shown as text, never as markup.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from textwrap import wrap

from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from remediate.events import Event, EventKind
from remediate.model import Finding, Outcome, Plan
from remediate.sinks.clean import clean, last_lines, one_line
from remediate.sinks.plan_text import Line, Style, finding_lines, plan_lines

STYLES: dict[Style, str] = {
    "plain": "",
    "head": "bold",
    "good": "green",
    "bad": "red",
    "added": "green",
    "removed": "red",
    "context": "dim",
    "faint": "dim",
    "code": "cyan",
}

GOOD = {
    Outcome.HEALTHY,
    Outcome.FIXED,
    Outcome.PUT_BACK,
    Outcome.PLANNED,
    Outcome.HELD,
    Outcome.FREE,
}
LONGEST_BESIDE, WIDEST_BESIDE = 20, 300
"""Lines, and characters of one, that are shown of what moved; all of them are in `--json`."""
UNTOUCHED = {Outcome.BLOCKED, Outcome.DECLINED, Outcome.STALE}
"""Nothing was done: one line says all there is to say."""


def show(console: Console, lines: Iterable[Line]) -> None:
    """Print lines, each cleaned, in the colour of its role.

    What may be copied is wrapped by nobody but the terminal; sentences are folded so that they stay in their column.
    """
    for line in lines:
        text = clean(line.text)
        folded = (
            text if line.hang is None or not console.is_terminal else _folded(text, console.width, line.hang)
        )
        console.print(Text(folded, style=STYLES[line.style]), soft_wrap=True)


def _folded(text: str, width: int, hang: int) -> str:
    """Return a line folded between words; a word that is longer than the line, like a path, stays whole."""
    folded = wrap(
        text,
        max(width, 2 * hang + 1),
        subsequent_indent=" " * hang,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(folded)


class Running:
    """What is shown beneath the last line while something runs: what it is, and its last lines of output.

    Args:
        console: Where it is drawn; nothing is drawn where nobody watches.
        kept: How many lines of output are shown.
    """

    def __init__(self, console: Console, kept: int = 4) -> None:
        self._console, self._lines = console, deque[str](maxlen=kept)
        self._spinner = Spinner("dots")
        self._live: Live | None = None

    def start(self, text: str) -> None:
        """Show that something runs, in place of what ran before."""
        self._lines.clear()
        self._spinner = Spinner("dots", Text(text))
        if self._console.is_interactive and self._live is None:
            self._live = Live(console=self._console, transient=True, refresh_per_second=8)
            self._live.start()
        self._draw()

    def line(self, text: str) -> None:
        """Show one more line of output."""
        self._lines.append(text)
        self._draw()

    def stop(self) -> None:
        """Take it away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _draw(self) -> None:
        if self._live is None:
            return
        grid = Table.grid()
        grid.add_row(self._spinner)
        for line in self._lines:
            grid.add_row(Text(f"      {line}", style="dim", no_wrap=True, overflow="ellipsis"))
        self._live.update(grid)


class ConsoleSink:
    """A sink that shows each event as a line as it happens, the running command beneath it.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console, self._running = console, Running(console)
        self._telling: dict[EventKind, Callable[[Event], None]] = {
            "run-started": self._run_started,
            "looking": self._looking,
            "rehearsing": self._rehearsing,
            "planned": self._planned,
            "finding": self._finding,
            "moved": self._moved,
            "chosen": lambda event: self._line(event, "·", event.text, "faint"),
            "ruled": lambda event: self._line(event, "→", event.text, "plain"),
            "change-started": self._change_started,
            "output": lambda event: self._running.line(one_line(event.text)),
            "change-done": self._change_done,
            "change-failed": self._change_failed,
            "nothing-to-do": lambda event: self._line(event, "-", f"{event.step}: nothing to do", "faint"),
            "verifying": lambda event: self._running.start(f"verifying: {one_line(event.text)}"),
            "undo-started": lambda event: self._running.start(f"putting back: {one_line(event.text)}"),
            "undo-done": lambda event: self._line(event, "↩", f"put back: {event.text}", "plain"),
            "undo-failed": self._undo_failed,
            "put-back": lambda event: self._line(event, "✓", event.text, "good"),
            "warning": lambda event: self._line(event, "!", event.text, "bad"),
            "ended": self._ended,
        }

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if tell := self._telling.get(event.kind):
            tell(event)

    def _line(self, event: Event, mark: str, text: str, style: Style) -> None:
        self._running.stop()
        show(self._console, [Line(f"{event.host}  {mark} {one_line(text, 400)}", style)])

    def _run_started(self, event: Event) -> None:
        title = f"{event.data['playbook']}: {event.data['title']}"
        show(self._console, [Line(one_line(title), "head"), Line(f"run {event.run}", "faint")])

    def _looking(self, event: Event) -> None:
        self._running.start(f"{event.host}  looking: {one_line(event.text)}")

    def _rehearsing(self, event: Event) -> None:
        self._line(event, "…", f"rehearsing {event.text}", "plain")
        self._running.start(f"{event.host}  rehearsing")

    def _finding(self, event: Event) -> None:
        self._running.stop()
        lines = finding_lines(Finding.model_validate(event.data["finding"]))
        show(self._console, [_of_host(event.host, line) for line in lines])

    def _planned(self, event: Event) -> None:
        self._running.stop()
        show(self._console, plan_lines(Plan.model_validate(event.data["plan"])))

    def _moved(self, event: Event) -> None:
        self._line(event, "≠", event.text, "bad")
        table = Table.grid(padding=(0, 2), expand=True)
        for head in ("when it was planned", "now"):
            table.add_column(head, ratio=1, overflow="fold")
        table.add_row(*(Text(head, style="dim") for head in ("      when it was planned", "now")))
        then, now = (_cut_lines(event.data[when]) for when in ("then", "now"))
        table.add_row(Text("\n".join(f"      {line}" for line in then)), Text("\n".join(now)))
        self._console.print(table)

    def _change_started(self, event: Event) -> None:
        self._running.start(f"{event.host}  {event.step}: {one_line(event.text)}")

    def _change_done(self, event: Event) -> None:
        self._line(event, "✓", f"{event.step}: {event.text}", "good")

    def _change_failed(self, event: Event) -> None:
        self._line(event, "✗", event.text, "bad")
        self._tail(str(event.data.get("output", "")))

    def _undo_failed(self, event: Event) -> None:
        self._line(event, "✗", f"NOT put back: {event.text}", "bad")
        self._tail(str(event.data.get("output", "")))

    def _tail(self, output: str) -> None:
        show(self._console, [Line(f"      {line}", "faint") for line in last_lines(output)])

    def _ended(self, event: Event) -> None:
        outcome = Outcome(event.data["outcome"])
        todo = str(event.data.get("todo", ""))
        if outcome in GOOD:
            self._line(event, "=", f"{outcome.value}: {event.text}", "good")
            show(self._console, [Line(f"      {one_line(todo)}", "faint")] if todo else [])
        elif outcome in UNTOUCHED:
            self._line(event, "✗", f"{outcome.value}: {event.text}" + (f"; {todo}" if todo else ""), "bad")
        else:
            self._running.stop()
            self._console.print(card(event, outcome))


def _of_host(host: str, line: Line) -> Line:
    hang = None if line.hang is None else line.hang + len(host)
    return Line(f"{host}{line.text}", line.style, hang)


def _cut_lines(lines: Sequence[str]) -> list[str]:
    """Return lines as they are shown beside others: a whole script would push the others off the screen."""
    shown = [clean(line)[:WIDEST_BESIDE] for line in lines[:LONGEST_BESIDE]]
    left = len(lines) - len(shown)
    return [*shown, f"… and {left} more"] if left else shown


def card(event: Event, outcome: Outcome) -> Panel:
    """Return what a person reads first on a bad night: what, where, the last lines that matter, what to do next."""
    text = Text(one_line(event.text, 600))
    for line in last_lines(str(event.data.get("output", ""))):
        text.append(f"\n  {line}", style="dim")
    if todo := one_line(str(event.data.get("todo", "")), 600):
        text.append(f"\nnext: {todo}", style="bold")
    title = Text(one_line(f"{event.host}: {outcome.value}"), style="bold")
    return Panel(text, title=title, title_align="left", border_style="red")
