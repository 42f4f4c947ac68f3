"""The commands, put together; errors of every command become one line and an exit code here."""

import os
import sys
from collections.abc import Sequence

import typer

from remediate.cli import doctoring, library, putting_back, records, resuming, running, triaging
from remediate.cli.exit_codes import DECLINED, FAILED, STUCK, USAGE, code_of_error
from remediate.errors import RemediateError

INTERRUPTED = 130
"""What typer returns when KeyboardInterrupt ended a command."""

app = typer.Typer(
    name="remediate",
    help="Diagnose, confirm, fix, verify: a remediation runner with a true dry run and a way back.",
    epilog="Exit codes: 0 healthy or fixed, 1 failed and rolled back, 2 wrong usage, 3 dry run: there is something to"
    " do, 4 declined, 5 stale plan, 6 blocked, 7 stuck: a person is needed, 8 unhealthy and no cure.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.command("check", rich_help_panel="Library")(library.check)
app.command("list", rich_help_panel="Library")(library.list_playbooks)
app.command("schema", rich_help_panel="Library")(library.schema)
app.command("doctor", rich_help_panel="Looking")(doctoring.doctor)
app.command("triage", rich_help_panel="Looking")(triaging.triage)
app.command("plan", rich_help_panel="Looking")(running.plan)
app.command("run", rich_help_panel="Changing")(running.run)
app.command("resume", rich_help_panel="Changing")(resuming.resume)
app.command("rollback", rich_help_panel="Changing")(putting_back.rollback)
app.command("runs", rich_help_panel="Records")(records.runs)
app.command("show", rich_help_panel="Records")(records.show)
app.add_typer(records.audit, name="audit", rich_help_panel="Records")


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", help="Show the version and exit.", is_eager=True),
) -> None:
    if version:
        from remediate import __version__

        typer.echo(f"remediate {__version__}")
        raise typer.Exit


def run(argv: Sequence[str]) -> int:
    """Run one command line.

    Args:
        argv: The arguments, without the program's name.

    Returns:
        The exit code.
    """
    try:
        code = app(list(argv), prog_name="remediate", standalone_mode=False)
    except RemediateError as error:
        _complain(str(error))
        return code_of_error(error)
    except typer.TyperException as error:
        return _usage(error)
    except BrokenPipeError:  # the reader (head, less) of a list has seen enough; a run's sinks never raise
        return 0
    except OSError as error:
        _complain(f"remediate: standard output cannot be written ({error.strerror})")
        return FAILED
    except Exception as error:
        if os.environ.get("REMEDIATE_TRACEBACK"):
            raise
        return _defect(error)
    if code == INTERRUPTED:
        _leave_at_once()
    return code if isinstance(code, int) else 0


def _leave_at_once() -> None:
    """End the process without waiting for threads that still try to reach a host that does not answer."""
    _complain("interrupted")
    sys.stdout.flush()
    os._exit(DECLINED)


def _defect(error: Exception) -> int:
    """Tell of a defect of ours without its text, which may hold anything; what was owed is in the audit log."""
    what = f"remediate: internal error ({type(error).__name__}): this is a defect of ours"
    _complain(
        f"{what}; `remediate runs` tells what is still owed, REMEDIATE_TRACEBACK=1 shows where it happened"
    )
    return STUCK


def _usage(error: typer.TyperException) -> int:
    text = error.format_message()
    if text.startswith("Usage:"):  # no arguments at all: the help is the answer
        typer.echo(text)
        return USAGE
    command = getattr(getattr(error, "ctx", None), "command_path", "remediate")
    _complain(f"{command}: {' '.join(text.split())} Try `{command} --help`.")
    return USAGE


def _complain(text: str) -> None:
    from remediate.sinks.clean import one_line

    typer.echo(one_line(text, 1000), err=True)
