"""Commands about the audit log itself: is it whole, here and as the hosts know it; and all of it as a signed file.

What is in the log, `records.py` tells.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from remediate.cli.exit_codes import BLOCKED, FAILED, HEALTHY
from remediate.cli.options import AsJson, InventoryName, StateFolder, state_folder
from remediate.cli.session import Session, inventory_of, session, who
from remediate.errors import JournalError, RemediateError, UsageError
from remediate.inventory import Host
from remediate.journal import Journal, Verdict
from remediate.journal.export import Export, ExportHead, Judged, judge_export
from remediate.masking import Masker
from remediate.model import canonical
from remediate.signatures import judged_signature, signed, signer_of, usual_keys
from remediate.sinks.clean import one_line

AT_ONCE = 20
NAMESPACE = "remediate-audit"
"""What a signature of an exported log is for (PROTOCOL.sshsig)."""

audit = typer.Typer(
    help="The audit log itself: is it whole, and all of it as JSON lines.", no_args_is_help=True
)

AskedHosts = Annotated[
    list[str] | None,
    typer.Option("--on", help="Ask these hosts, too, for the heads of the log that they keep."),
]
ExportedFile = Annotated[
    Path | None, typer.Option("--file", help="Check an exported file instead; no log is needed.")
]
Signers = Annotated[
    Path | None,
    typer.Option("--signers", help="With --file: who may have signed it (ssh-keygen(1), ALLOWED SIGNERS)."),
]
Key = Annotated[
    Path | None,
    typer.Option("--key", help="Sign with this SSH key. Default: the usual ones in ~/.ssh, the agent."),
]


@dataclass(frozen=True)
class HostSays:
    """What a host's heads say of the log.

    Attributes:
        host: Its name.
        text: In words.
        code: 0 nothing against it, 1 it contradicts the log, 6 it could not be asked.
    """

    host: str
    text: str
    code: int = HEALTHY


@audit.command("verify")
def verify(
    on: AskedHosts = None,
    inventory: InventoryName = None,
    file: ExportedFile = None,
    signers: Signers = None,
    state: StateFolder = None,
    *,
    as_json: AsJson = False,
) -> int:
    """Check the chain of hashes from the first entry to the last, and the before-images beside it.

    With --on, what hosts keep of the log counts, too. Exit 0: whole; 1: not whole; 6: a host could not be asked.
    """
    if file is None and signers is not None:
        raise UsageError("--signers", "belongs to an exported file", "say --file, too")
    if file is not None:
        if on:
            raise UsageError("--file", "is checked without any host", "leave --on out")
        return _verify_file(file, signers, state, as_json=as_json)
    with Journal.open(state_folder(state), Masker()) as journal:
        verdict = journal.verify()
    if not as_json:
        typer.echo(verdict.in_words)  # before anything is asked elsewhere, whatever becomes of that
    says = _asked(on, inventory, state) if on else ()
    if as_json:
        hosts = {"hosts": [vars(one) for one in says]} if on else {}
        typer.echo(canonical({**verdict.model_dump(mode="json"), **hosts}).decode())
    else:
        for one in says:
            typer.echo(one_line(f"{one.host}: {one.text}", 500))
    codes = {HEALTHY if verdict.whole else FAILED, *(one.code for one in says)}
    return next(code for code in (FAILED, BLOCKED, HEALTHY) if code in codes)


def _asked(on: Sequence[str], inventory: str | None, state: Path | None) -> tuple[HostSays, ...]:
    environment = inventory_of(inventory)
    hosts = environment.select(on)
    with session(environment, state) as opened:
        pool = ThreadPoolExecutor(AT_ONCE)
        try:
            return tuple(pool.map(lambda host: _ask(opened, host), hosts))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # a Ctrl-C does not wait for a silent host


def _ask(opened: Session, host: Host) -> HostSays:
    try:
        kept = opened.target(host, with_secrets=False).witnesses()
    except RemediateError as error:
        return HostSays(host.name, f"cannot be asked: {error.what}", BLOCKED)
    try:
        problems = [problem for one in kept if (problem := opened.journal.contradiction(one, who()))]
        mine = opened.journal.witness(who())
    except JournalError as error:
        return HostSays(host.name, f"cannot be compared: {error.what}", BLOCKED)
    if problems:
        return HostSays(host.name, f"NOT WHOLE: {'; '.join(problems)}", FAILED)
    entry = next((one.seq for one in kept if one.log == mine.log), None)
    return HostSays(
        host.name, f"keeps entry {entry}, and so does the log" if entry else "keeps no head of this log"
    )


def _verify_file(file: Path, signers: Path | None, state: Path | None, *, as_json: bool) -> int:
    if signers is not None and not signers.is_file():
        raise UsageError(str(signers), "there is no such file", "write one line for each who may sign")
    judged = _judged(file)
    verdict, signature = _with_signature(judged, signers)
    if verdict.whole and judged.head and (problem := _against_own_log(judged.head, state)):
        verdict = verdict.model_copy(update={"whole": False, "why": problem})
    if as_json:
        typer.echo(canonical({**verdict.model_dump(mode="json"), "signature": signature}).decode())
    else:
        typer.echo(one_line(verdict.in_words, 500))
        typer.echo(one_line(signature, 500))
    return HEALTHY if verdict.whole else FAILED


def _judged(file: Path) -> Judged:
    try:
        with file.open("rb") as lines:
            return judge_export(_without_ends(lines))
    except OSError as error:
        raise UsageError(str(file), f"cannot be read ({error.strerror})", "name an exported file") from error


def _without_ends(lines: Iterator[bytes]) -> Iterator[bytes]:
    for line in lines:
        yield line.removesuffix(b"\n")


def _with_signature(judged: Judged, signers: Path | None) -> tuple[Verdict, str]:
    """Return the verdict with what its signature adds to it, and what is to be said of that."""
    head, verdict = judged.head, judged.verdict
    if head is None or not head.signature:
        text = "not signed: anybody could have written this file"
        return (_not_whole(verdict, "it is not signed") if signers else verdict), text
    signer = signer_of(head.signature)
    if problem := judged_signature(head.content, head.signature, signers, os.environ, NAMESPACE).fault:
        return _not_whole(verdict, problem), f"signature by {signer or 'nobody'}: {problem}"
    allowed = "an allowed signer" if signers else "whose key that is, --signers tells"
    return verdict, f"signed by {signer}, {allowed}"


def _not_whole(verdict: Verdict, why: str) -> Verdict:
    return verdict.model_copy(update={"whole": False, "why": why}) if verdict.whole else verdict


def _against_own_log(head: ExportHead, state: Path | None) -> str:
    """Return how this runner's own log contradicts the file, where it is the same log and can be read."""
    if head.witness.seq == 0:  # of an empty log: it names no entry that could be missing
        return ""
    with suppress(JournalError), Journal.open(state_folder(state), Masker()) as journal:
        if journal.witness(who()).log == head.witness.log:
            problem = journal.contradiction(head.witness, who())
            return f"the log of this runner is no longer that of the file: {problem}" if problem else ""
    return ""


@audit.command("export")
def export(
    run: Annotated[str | None, typer.Argument(help="Only this run.")] = None,
    key: Key = None,
    state: StateFolder = None,
) -> int:
    """Write every entry as one JSON object a line, with the hashes that chain them, and at last the head, signed.

    The head is signed with the operator's SSH key where there is one that needs no passphrase, or that an agent has.
    """
    if key is not None and not (key.exists() or key.with_name(f"{key.name}.pub").exists()):
        raise UsageError(
            str(key), "there is no such key", "name a private key, or a public one the agent has"
        )
    with Journal.open(state_folder(state), Masker()) as journal:
        found = journal.find(run) if run else ""
        lines = Export(journal.entries(found or None), journal.witness(who()), found)
        for line in lines.lines():
            typer.echo(line)
    return _write_head(lines.head, key)


def _write_head(head: ExportHead, key: Path | None) -> int:
    keys = (key,) if key else usual_keys(Path.home())
    signature = signed(head.content, keys, os.environ, NAMESPACE, agent=key is None)
    line = {**head.model_dump(mode="json"), "signature": signature}
    typer.echo(canonical(line).decode())
    if not signature:
        which = str(key) if key else "no SSH key"
        typer.echo(f"the head is not signed: {which} can be used without asking; see --key", err=True)
    return FAILED if key and not signature else HEALTHY
