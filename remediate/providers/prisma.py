"""Prisma: the columns that a schema means against those that are there, and the generated client. Speaks to no engine.

Its command line is only used to generate, on the host, and never through `npx`, which may download another version.
"""

import posixpath
from collections.abc import Iterable
from typing import ClassVar

from remediate.errors import Conflict, CouldNotLook, Failed
from remediate.model import Change, Fidelity, Finding, Undo, WayBack, digest_of
from remediate.promise import Need, Promise
from remediate.providers.catalog import TABLES, stored_name, tables_in
from remediate.providers.node_installed import Installed, differing, installed_question, read_installed
from remediate.providers.prisma_client import GENERATE, PUT_BACK, STILL_OTHERS, TRY_GENERATE, stale_because
from remediate.providers.prisma_compare import column_finding, compared
from remediate.providers.prisma_tables import SCHEMA_FILE, chosen_tables, tables_meant
from remediate.questions import Answers, NotKnown, Read, Run
from remediate.steps import Action, Check, Questions, Step, Trial
from remediate.target import Job, Target

COMMAND_LINE, LIBRARY = "prisma", "@prisma/client"


class Columns(Check):
    """Every column that the Prisma schema means is in the database, with its type, nullability and default.

    Columns and tables that only the database has are mentioned, and are no fault.

    Attributes:
        table: A table or model; default: all of the schema.
        schema_file: The Prisma schema on the host.
    """

    kind: ClassVar[str] = "prisma.columns"
    tells: ClassVar[str] = (
        "Compares every column that schema.prisma has[ for {table}] with the database: whether it is "
        "there, and whether type, nullability and default are the same. What only the database has is "
        "mentioned, and is no fault"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    table: str | None = None
    schema_file: str = SCHEMA_FILE

    def ask(self) -> Questions:
        """Ask for the schema file and the tables' shapes."""
        return (Read(path=self.schema_file), TABLES)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare the latest answers.

        Raises:
            CouldNotLook: The schema file is missing, cannot be read as one, or has no such table.
        """
        del first
        meant, found = tables_meant(now, self.schema_file), tables_in(now[TABLES])
        chosen = chosen_tables(meant, self.table, found, now.where)
        return column_finding(
            [compared(table, found.get(stored_name(table.name))) for table in chosen],
            single=self.table is not None,
        )


class _Generated(Step):
    """A generated client and what it is made from.

    Attributes:
        backend: Where `node_modules` lies.
        schema_file: The Prisma schema on the host.
        client: Where the client is generated to.
    """

    backend: str = "{{ app.backend }}"
    schema_file: str = SCHEMA_FILE
    client: str = "{{ app.backend }}/node_modules/.prisma/client"

    @property
    def reads(self) -> tuple[Read, Read]:
        """The questions for both schemas."""
        return Read(path=self.schema_file), Read(path=f"{self.client}/schema.prisma")

    @property
    def installed(self) -> Run:
        """The question which versions of Prisma's two packages are installed."""
        return installed_question(self.backend, (COMMAND_LINE, LIBRARY))

    def ask(self) -> Questions:
        """Ask for both schemas and both versions."""
        return (*self.reads, self.installed)

    def packages_in(self, answers: Answers) -> dict[str, Installed]:
        """Return Prisma's two packages, where Node finds them."""
        return read_installed(self.installed, answers[self.installed])

    def stale_in(self, answers: Answers) -> str:
        """Return why the client has to be generated anew, or nothing.

        Raises:
            CouldNotLook: There is no schema, or nobody can tell where the client would be.
        """
        schema, generated = (answers[question] for question in self.reads)
        library = self.packages_in(answers)[LIBRARY]
        # Of a workspace, and with pnpm, the client is generated beside a package that is somewhere else.
        if library.elsewhere and not generated.exists:
            beside = posixpath.join(library.place, ".prisma/client")
            raise CouldNotLook(
                answers.where, f"there is no client in {self.client}", f"is it in {beside}? set `client`"
            )
        return stale_because(self.schema_file, schema, generated)


class Client(_Generated, Check):
    """The generated client was made from this schema, and Prisma's two packages are of one version.

    Where its command line is not installed (`npm ci --omit=dev` leaves it out) there is nothing to differ from.
    """

    kind: ClassVar[str] = "prisma.client"
    tells: ClassVar[str] = (
        "Looks whether the generated Prisma client was made from the schema.prisma that is there, and "
        "whether Prisma's two packages are of one version"
    )

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare the latest answers."""
        del first
        stale = self.stale_in(now)
        because = differing(self.packages_in(now)) or stale
        return Finding(healthy=not because, seen=because or "the client was generated from this schema")


class Generate(_Generated, Action):
    """Generates the client anew where it was not made from this schema.

    It is generated in a copy of the backend beside the real one and then swapped in, so that the live client is never
    half written. The previous one is kept beside it for the way back.
    """

    kind: ClassVar[str] = "prisma.generate"
    tells: ClassVar[str] = (
        "Generates the Prisma client anew where it was not made from the schema.prisma that is there, in "
        "a copy beside the backend, and swaps it in"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.NODE, Need.PRISMA)
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.ESTIMATE: "what will run is known, and what it generates is not"},
        back={WayBack.EXACT: "the client from before is kept beside the new one, and renamed back"},
        risks=("build",),
    )

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return the one change, or none where the client is up to date.

        Raises:
            Failed: The schema or the client lie outside the backend; or it is to be generated, and Prisma's two
                packages differ in version or its command line is not installed.
            CouldNotLook: There is no schema, or it cannot be read as one.
        """
        self._refuse_outside(answers.where)
        try:
            schema, generated = (answers[question] for question in self.reads)
            packages, because = self.packages_in(answers), self.stale_in(answers)
        except NotKnown as unknown:
            return (self._change((), "", unknown.because),)
        if not because:
            return ()
        if differ := differing(packages):
            raise Failed(answers.where, differ, "install both in one version (npm ci)")
        if not packages[COMMAND_LINE].version:
            raise Failed(answers.where, f"{because}, and prisma is not installed", "npm ci --include=dev")
        versions = (one.version for one in packages.values())
        return (self._change([schema.sha256, generated.sha256, *versions], because, ""),)

    def on_copy(self, change: Change) -> Trial:
        """Return the generation in a copy, and the comparison with the client that is there."""
        del change
        backend = self.backend.rstrip("/")
        read = (self.schema_file, f"{backend}/package.json", f"{backend}/node_modules", f"{backend}/.env")
        return Trial(
            script=TRY_GENERATE,
            args=self._places("rehearsal"),
            place=backend,
            depends=read,
            doing="prisma generate",
            timeout=300.0,
        )

    def apply(self, target: Target, change: Change) -> None:
        """Generate beside, and swap.

        Raises:
            Failed: Prisma said no; the live client is as it was.
            Lost: What became of it is unknown.
        """
        job = Job(
            script=GENERATE,
            args=self._places(str(change.data["mark"])),
            timeout=300.0,
            doing="prisma generate",
        )
        answer = target.run(job)
        if answer.exit_code:
            said = f"{answer.text}\n{answer.error_text}".strip()
            what = f"prisma generate failed with exit code {answer.exit_code}"
            raise Failed(target.name, what, "the live client is as it was; read the last lines", output=said)

    def undo(self, target: Target, undo: Undo) -> None:
        """Put the previous client back.

        Raises:
            Conflict: The client was generated again since; it is left alone.
            Failed: It could not be put back.
        """
        job = Job(
            script=PUT_BACK,
            args=self._places(str(undo.data["mark"])),
            timeout=60.0,
            doing="put the client back",
        )
        answer = target.run(job)
        if answer.exit_code == STILL_OTHERS:
            what = f"{self.client} was changed since this run generated it"
            raise Conflict(target.name, what, "leave it, or generate again by hand")
        if answer.exit_code:
            raise Failed(
                target.name, "the previous client could not be put back", self.client, answer.error_text
            )

    def _places(self, mark: str) -> tuple[str, ...]:
        """Return what both scripts get: backend, schema and client inside it, the mark of what is kept beside."""
        inside = (
            path.removeprefix(f"{self.backend.rstrip('/')}/") for path in (self.schema_file, self.client)
        )
        return (self.backend.rstrip("/"), *inside, mark)

    def _refuse_outside(self, where: str) -> None:
        root = self.backend.rstrip("/") + "/"
        for path in (self.schema_file, self.client):
            if not path.startswith(root) or ".." in path.split("/"):
                raise Failed(where, f"{path} is not inside {self.backend}", "correct the step's parameters")

    def _change(self, made_from: Iterable[str], because: str, assumed: str) -> Change:
        mark = digest_of([self.client, *made_from])[:12]
        return Change(
            what="generate the Prisma client",
            target=self.client,
            script="node_modules/.bin/prisma generate",
            notes=(*((because,) if because else ()), "generated in a copy beside, then swapped in by rename"),
            fidelity=Fidelity.ESTIMATE,
            way_back=WayBack.EXACT,
            way_back_note="the previous client is kept beside it and put back by rename",
            risk="build",
            alters=(f"file:{self.client}",),
            data={"mark": mark},
            assumed=assumed,
        )


STEPS: tuple[type[Step], ...] = (Columns, Client, Generate)
