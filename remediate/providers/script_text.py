"""An SQL script as a step names it: a file on the host, or text in the playbook. It judges nothing and runs nothing."""

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from remediate.errors import Failed
from remediate.questions import Answers, Read


class ScriptText(BaseModel):
    """An SQL script: a file on the host, or text in the playbook.

    Attributes:
        file: Absolute path on the host.
        text: SQL; no template.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    file: str | None = None
    text: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.file is None) == (self.text is None):
            raise ValueError("give either `file` or `text`")
        return self

    @property
    def questions(self) -> tuple[Read, ...]:
        """The question for the file, where it is one."""
        return () if self.file is None else (Read(path=self.file),)

    def read(self, answers: Answers) -> str:
        """Return the SQL.

        Raises:
            Failed: The file is not there, or no text.
        """
        if self.file is None:
            return self.text or ""
        answer = answers[Read(path=self.file)]
        if not answer.exists or answer.kind_of_file != "file":
            raise Failed(self.file, "there is no such file", "give `file` the path of a script on the host")
        try:
            return answer.content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Failed(self.file, "is no UTF-8", "write it as UTF-8") from error

    @property
    def place(self) -> str:
        """What to call it."""
        return self.file or "the playbook's SQL"
