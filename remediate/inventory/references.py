"""Where a secret is to be had: a name in an inventory, never a value. Fetched when a run needs it, kept nowhere."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from remediate.errors import UsageError
from remediate.inventory.files import Command, FileText
from remediate.questions import Value

PATIENCE = 30.0
"""Seconds that a secret's command may take; a person may have to touch a key."""

NonEmpty = Annotated[str, Field(min_length=1)]


class SecretText(Value):
    """A secret by reference: exactly one of these.

    Attributes:
        env: A variable of the runner's environment.
        file: A file on the runner, relative to the inventory.
        command: A program and its arguments, started without a shell in the inventory's directory; prints the secret.
    """

    model_config = ConfigDict(strict=True)

    env: NonEmpty | None = None
    file: FileText | None = None
    command: Command | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "SecretText":
        if sum(value is not None for value in (self.env, self.file, self.command)) != 1:
            raise ValueError("exactly one of env, file, command")
        return self


class UrlText(Value):
    """Where the database's URL is to be had: exactly one of these.

    Attributes:
        env_file: The app's `.env` on the host; `key` names the variable in it.
        key: See `env_file`.
        env: A variable of the runner's environment.
        file: A file on the runner, relative to the inventory.
        command: A program and its arguments, started without a shell; it prints the URL.
    """

    model_config = ConfigDict(strict=True)

    env_file: NonEmpty | None = None
    key: NonEmpty = "DATABASE_URL"
    env: NonEmpty | None = None
    file: FileText | None = None
    command: Command | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "UrlText":
        if sum(value is not None for value in (self.env_file, self.env, self.file, self.command)) != 1:
            raise ValueError("exactly one of env_file, env, file, command")
        return self


class Reference(Value):
    """A reference that was read: exactly one of `env_file`, `env`, `file` and `command` is given.

    Attributes:
        name: What it is for: `secret token`, `database url`.
        where: `file:line:column` of it in the inventory.
        folder: The inventory's directory; commands start there.
        env_file: A file on the host, absolute; whoever has the host reads it.
        key: The variable in `env_file`.
        env: A variable of the runner's environment.
        file: A file on the runner, absolute.
        command: A program and its arguments.
    """

    name: str
    where: str
    folder: str
    env_file: str = ""
    key: str = ""
    env: str = ""
    file: str = ""
    command: tuple[str, ...] = ()

    def reveal(self, environment: Mapping[str, str]) -> str:
        """Fetch the secret, without the line end it may be written with.

        Args:
            environment: The runner's.

        Raises:
            UsageError: It cannot be had; names the reference, never the value.
        """
        if self.env:
            value = environment.get(self.env, "")
        elif self.file:
            value = self._from_file()
        else:
            value = self._from_command(environment)
        if not value.strip():
            raise self._missing("is empty or not set")
        return value.removesuffix("\n").removesuffix("\r")

    def _from_file(self) -> str:
        try:
            return Path(self.file).read_text("utf-8")
        except UnicodeDecodeError as error:
            raise self._missing("is not UTF-8") from error
        except OSError as error:
            raise self._missing(f"cannot be read ({error.strerror})") from error

    def _from_command(self, environment: Mapping[str, str]) -> str:
        try:
            ended = subprocess.run(  # noqa: S603  (argv of the inventory's author, no shell)
                self.command,
                cwd=self.folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PATIENCE,
                check=False,
            )
            return self._printed(ended)
        except subprocess.TimeoutExpired:
            raise self._missing(
                f"took longer than {PATIENCE:.0f} s"
            ) from None  # its context holds the output
        except OSError as error:
            raise self._missing(f"cannot be started ({error.strerror})") from error

    def _printed(self, ended: subprocess.CompletedProcess[bytes]) -> str:
        if ended.returncode != 0:
            raise self._missing(f"exited with {ended.returncode}")
        try:
            return ended.stdout.decode()
        except UnicodeDecodeError:
            raise self._missing("printed bytes that are not UTF-8") from None

    def _missing(self, why: str) -> UsageError:
        source = f"${self.env}" if self.env else self.file or f"the command `{' '.join(self.command[:1])}`"
        return UsageError(
            self.where, f"{self.name}: {source or self.env_file} {why}", "set it, or mend the reference"
        )
