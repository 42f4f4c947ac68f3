"""Files on the runner, as an inventory names them: relative to it, absolute, or in somebody's home. It opens none."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field


def beside(folder: Path, written: str) -> str:
    """Return a file's absolute path.

    Args:
        folder: The inventory's directory.
        written: What the inventory says.

    Raises:
        ValueError: There cannot be such a file; says what it must be, as the rest of a sentence.
    """
    if "\0" in written:
        raise ValueError("a path, and no path has a NUL")
    try:
        return str(folder.absolute() / Path(written).expanduser())
    except RuntimeError:  # that is what pathlib raises
        home = Path(written).parts[0]
        raise ValueError(f"in a home that there is here, and {home} is none; write the whole path") from None


def _is_possible(written: str) -> str:
    beside(Path(), written)
    return written


def _has_no_nul(words: tuple[str, ...]) -> tuple[str, ...]:
    if "\0" in "".join(words):
        raise ValueError("without a NUL, which no argument of a program can have")
    return words


PerhapsFile = Annotated[str, AfterValidator(_is_possible)]
"""A file on the runner, or nothing."""
FileText = Annotated[PerhapsFile, Field(min_length=1)]
"""A file on the runner."""
Command = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1), AfterValidator(_has_no_nul)
]
"""A program that the runner starts, and its arguments."""
