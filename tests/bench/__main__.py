"""`python -m tests.bench`: all figures, one `name value` line each. What each means stands in `bench` and `runner`.

`python -m tests.bench database` measures the database side, under load and of size, and writes docs/SQL.md: some ten
minutes. `--rows` says how many avatars the app has under load, `--size` how many there are where a fiftieth is mended.
"""

import argparse

from tests.bench import bench, load, page, runner, size


def speed() -> None:
    """Measure what looking and writing down costs."""
    bench.main()
    bench.tell("version_ms", runner.version_ms())
    bench.tell("journal_ratio", runner.journal_ratio())


def database(rows: int, size_rows: int) -> None:
    """Measure the database side, and write it down."""
    free, held = load.measured(rows, 0), load.measured(rows, load.HELD)
    page.written(free, held, size.measured(size_rows), rows)


words = argparse.ArgumentParser(prog="python -m tests.bench")
words.add_argument("what", nargs="?", choices=("speed", "database"), default="speed")
words.add_argument("--rows", type=int, default=1_000_000)
words.add_argument("--size", type=int, default=5_000_000)
given = words.parse_args()
if given.what == "database":
    database(given.rows, given.size)
else:
    speed()
