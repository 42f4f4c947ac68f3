"""The command line: argv -> wiring -> exit code. The only floor that knows all others; decides nothing itself."""

import os
import sys

from remediate import __version__


def main() -> None:
    """Run the command that the process was started with, and exit with its code."""
    if sys.argv[1:] == ["--version"]:  # before anything heavy is imported: scripts ask this often
        print(f"remediate {__version__}")  # noqa: T201
        return
    from remediate.cli.app import run

    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError:  # whoever read it has gone: what was done stands, and so does its exit code
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)
