"""The command line: argv -> wiring -> exit code. The only floor that knows all others; decides nothing itself."""

import sys

from remediate import __version__
from remediate.cli import streams


def main() -> None:
    """Run the command that the process was started with, and exit with its code."""
    streams.prepare()
    code = _code(sys.argv[1:])
    streams.let_go()  # whoever read it may have gone: what was done stands, and so does its exit code
    sys.exit(code)


def _code(argv: list[str]) -> int:
    if argv == ["--version"]:  # before anything heavy is imported: scripts ask this often
        try:
            print(f"remediate {__version__}", flush=True)  # noqa: T201
        except OSError as error:
            from remediate.cli.app import unforeseen

            return unforeseen(error)
        return 0
    from remediate.cli.app import run

    return run(argv)
