"""A database as pg_dump shows it, with the rows of each table in order: where a row lies is nobody's business."""

from collections.abc import Iterator


def in_order(dump: str) -> str:
    """Return a dump whose rows are sorted, each table's by itself; all else stays where it is."""
    return "\n".join(_sorted(dump.splitlines()))


def _sorted(lines: list[str]) -> Iterator[str]:
    rows: list[str] | None = None
    for line in lines:
        if rows is not None and line != r"\.":
            rows.append(line)
            continue
        yield from sorted(rows or ())
        rows = [] if line.startswith("COPY ") and line.endswith(" FROM stdin;") else None
        yield line
