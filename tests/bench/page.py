"""Writes what was measured of the database side into docs/SQL.md. Measures nothing itself."""

import os
import platform
import re
from collections.abc import Iterator

from tests.bench.load import HELD, Met, Row
from tests.bench.size import BATCH, Cost, Size
from tests.bench.traffic import RATE, Waits
from tests.gate.page import PAGE

BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"
HEAD = """## Measured

Written by `python -m tests.bench database` ({machine}; PostgreSQL {version}, fsync on, on the same
machine as the runner and the app; load average {load:.1f} when it ended). Seconds are this machine's: look at the
ratios.

### Under load: the longest wait of an app that goes on

A reader and a writer, each with {rate} statements a second on {rows:,} avatars, one connection each, while the
change is made: by our action, by its way back, and by the runbook's own SQL (quoted and completed where it fails as it
stands; of a foreign key it has none, so it is what a migration of Prisma's says). The longest wait of any of their
statements, in milliseconds; the last column is the runbook's by ours. Where nobody changes anything, the longest wait
is {idle:.0f} ms: what is not far from that is noise. An error would be a statement of theirs that was refused.
"""
REPORT = """
The same while a report holds a transaction open for {held:g} s at a time, with a pause of {pause:g} s; without a
change the longest wait is {idle:.0f} ms. Ours is bounded by lock_timeout, 1 s at a time, however long the report takes;
the runbook's waits until it ends, and all behind it. *Given up* means that five tries found the lock held, and that
nothing was changed: that is what a person is told, with whoever holds it named.
"""
COLUMNS = """
| change | our action | its way back | the runbook's SQL | ratio |
|---|---|---|---|---|
"""
SIZE = """
### Size: {fixed:,} rows of {rows:,}

`sql.update_rows` in {batches} transactions of {batch} rows, with the engine and the audit log on disk, against plain
SQL doing the same in one statement and in batches by the key. Log is what the server writes ahead (WAL), whole pages
after a checkpoint among it: the rows lie far apart, so that nearly every page of the table is written once.

| | time | log | rows as they were | way back |
|---|---|---|---|---|
"""


Measured = tuple[Waits, tuple[Row, ...]]


def written(free: Measured, held: Measured, size: Size, loaded: int) -> None:
    """Put it into the page, in the place of what was measured before."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before.rstrip()}\n\n{BEGIN}{part(free, held, size, loaded)}{END}{after}")


def part(free: Measured, held: Measured, size: Size, loaded: int) -> str:
    """Return the page's part about what was measured."""
    head = HEAD.format(
        machine=f"{os.cpu_count()} cores, {platform.system()}",
        version=size.server,
        load=os.getloadavg()[0],
        rate=RATE,
        rows=loaded,
        idle=free[0].longest * 1000,
    )
    report = REPORT.format(held=HELD, pause=HELD / 4, idle=held[0].longest * 1000)
    tables = (COLUMNS + "".join(map(_row, rows)) for rows in (free[1], held[1]))
    return head + next(tables) + report + next(tables) + "".join(_size(size))


def _row(row: Row) -> str:
    ratio = row.by_hand.waits.longest / row.ours.waits.longest
    cells = (row.name, _met(row.ours), _met(row.back) if row.back else "–", _met(row.by_hand))
    return f"| {' | '.join(cells)} | {ratio:.1f} |\n"


def _met(met: Met) -> str:
    errors = f", **{sum(met.waits.errors.values())} errors**" if met.waits.errors else ""
    given_up = f", *given up*: {_without_pid(met.given_up)}" if met.given_up else ""
    return f"{met.waits.longest * 1000:.0f}{errors}{given_up}"


def _without_pid(why: str) -> str:
    return re.sub(r"pid \d+", "pid …", " ".join(why.split())).replace("|", "\\|")


def _size(size: Size) -> Iterator[str]:
    yield SIZE.format(fixed=size.fixed, rows=size.rows, batches=-(-size.fixed // BATCH), batch=BATCH)
    one = size.whole
    yield _cost("plain SQL, one statement", one, one, "lost", "none")
    yield _cost(f"plain SQL, batches of {BATCH}", size.batched, one, "lost", "none")
    yield _cost("ours: the look and the plan", size.looked, one, "", "")
    yield _cost("ours: looking again, the change, verifying", size.fix, one, "kept", "written")
    yield _cost(
        "ours: the way back, and looking whether all is as it was", size.back, one, "put back", "walked"
    )
    more = max(size.looked.memory, size.fix.memory, size.back.memory) - size.bare
    yield f"""
The runner's memory at its peak: {more:.0f} MB more than the {size.bare:.0f} MB that it has before it does anything, or
{more * 1000 / size.fixed:.1f} KB for each row that is meant. The one statement took {one.seconds:.1f} s and
{one.wal / 1e6:.0f} MB of log; whoever writes to one of its rows waits for all of it, and for ours for a batch.
"""


def _cost(name: str, cost: Cost, one: Cost, kept: str, back: str) -> str:
    time, log = cost.seconds / one.seconds, cost.wal / one.wal
    return f"| {name} | × {time:.1f} | × {log:.2f} | {kept} | {back} |\n"
