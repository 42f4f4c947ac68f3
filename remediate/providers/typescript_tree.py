"""A TypeScript source tree as one question and its answer: which files there are, and what stands in them.

Reads no TypeScript; `typescript.py` does that.
"""

import gzip
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, replace

from remediate.errors import CouldNotLook
from remediate.questions import Run, RunAnswer

TREE_SCRIPT = r"""
# Prints, gzipped, for every file below $1: its path, NUL, its size, NUL, its bytes. Of links, and of files that are no
# TypeScript, only the name with size "-". $2 is the most bytes of TypeScript that are printed at all.
LC_ALL=C
export LC_ALL
[ -d "$1" ] && [ ! -L "$1" ] || exit 3
cd -- "$1" || exit 3
size=$(find . -name node_modules -prune -o -type f -name '*.[mc]ts' -printf '%s\n' \
    -o -type f -name '*.ts' -printf '%s\n' -o -type f -name '*.tsx' -printf '%s\n' |
    awk '{ total += $1 } END { print total + 0 }')
[ "$size" -le "$2" ] || exit 4
find . -name node_modules -prune -o \( -type f -o -type l \) -print0 | sort -z | xargs -0 -r sh -c '
    for file do
        size=-
        case $file in
        *.ts | *.tsx | *.mts | *.cts) [ -L "$file" ] || size=$(stat -c %s -- "$file") || exit 5 ;;
        esac
        printf "%s\0%s\0" "$file" "$size"
        [ "$size" = - ] || head -c "$size" -- "$file"
    done' sh | gzip -cn
"""
LARGEST_TREE = 8 * 1024 * 1024
"""Bytes of TypeScript: gzipped about a quarter to a fifth of it, of which a transport keeps 512 KiB."""
NO_TREE, TOO_LARGE = 3, 4


@dataclass(frozen=True)
class Tree:
    """A source tree.

    Attributes:
        root: Its absolute path.
        files: Path below the root -> bytes, or None where only the name is known.
    """

    root: str
    files: Mapping[str, bytes | None]

    def with_file(self, path: str, content: bytes) -> "Tree":
        """Return the tree with one file's content replaced."""
        return replace(self, files={**self.files, path: content})

    def path_of(self, file: str) -> str:
        """Return a file's absolute path."""
        return posixpath.join(self.root, file)


def tree_question(root: str) -> Run:
    """Return the question for the whole tree below an absolute path."""
    return Run(script=TREE_SCRIPT, args=(root, str(LARGEST_TREE)), about=(f"file:{root}",), timeout=30.0)


def read_tree(root: str, answer: RunAnswer) -> Tree:
    """Return the tree that an answer holds.

    Raises:
        CouldNotLook: There is no such directory, or it is too large, or it changed while it was read.
    """
    if answer.exit_code == NO_TREE:
        raise CouldNotLook(root, "is no directory, or is a link", "name the directory of the sources")
    if answer.exit_code == TOO_LARGE or answer.left_out:
        raise CouldNotLook(
            root, "has too much TypeScript to be looked at in one go", "name a smaller directory"
        )
    try:
        return Tree(root, _unframed(_unzipped(answer)))
    except (OSError, EOFError, ValueError) as error:
        raise CouldNotLook(root, "could not be read whole", "look again") from error


def _unzipped(answer: RunAnswer) -> bytes:
    if answer.exit_code or not answer.stdout:
        raise ValueError("there is no answer in it")
    return gzip.decompress(answer.stdout)


def tree_answer(tree: Tree) -> RunAnswer:
    """Return the answer that a host with this tree gives."""
    return RunAnswer(exit_code=0, stdout=gzip.compress(_framed(tree.files), mtime=0))


def _framed(files: Mapping[str, bytes | None]) -> bytes:
    return b"".join(_frame(path, files[path]) for path in sorted(files))


def _frame(path: str, content: bytes | None) -> bytes:
    size = "-" if content is None else str(len(content))
    return b"./%s\0%s\0%s" % (path.encode("utf-8", "surrogateescape"), size.encode(), content or b"")


def _unframed(text: bytes) -> dict[str, bytes | None]:
    files: dict[str, bytes | None] = {}
    at = 0
    while at < len(text):
        name_end = text.index(b"\0", at)
        size_end = text.index(b"\0", name_end + 1)
        name = text[at:name_end].decode("utf-8", "surrogateescape").removeprefix("./")
        size = text[name_end + 1 : size_end]
        at = size_end + 1 if size == b"-" else size_end + 1 + int(size)
        files[name] = None if size == b"-" else text[size_end + 1 : at]
    if at != len(text):
        raise ValueError("the last file is cut off")
    return files
