"""Keyed fingerprints of answers: whether two are the same can be told, what they are cannot. They show no answer.

A plain digest of a short answer could be guessed; the key never leaves the state directory.
"""

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from remediate.errors import JournalError
from remediate.journal.private_folders import flush_directory, make_private
from remediate.model import canonical
from remediate.questions import (
    Answer,
    Answers,
    Fetch,
    FetchAnswer,
    QueryAnswer,
    Question,
    ReadAnswer,
    RunAnswer,
    Unanswered,
)
from remediate.review.document import Asked

KEY_FILE = "plan-key"
_BYTES = 32


@dataclass(frozen=True)
class Marks:
    """What makes marks.

    Attributes:
        key: Secret.
    """

    key: bytes

    @property
    def name(self) -> str:
        """By which it is told whether two documents have their marks of the same key."""
        return self.of("name", "")[:16]

    def seal(self, digest: str) -> str:
        """Return what a document's digest is sealed with."""
        return self.of("seal", digest)

    def of(self, what: str, text: str) -> str:
        """Return the mark of a text of a kind; the same text of another kind has another one."""
        return hmac.digest(self.key, canonical([what, text]), hashlib.sha256).hex()

    def asked(self, answers: Answers) -> tuple[Asked, ...]:
        """Return the questions with the marks of their answers."""
        return tuple(self._asked(question, answer) for question, answer in answers.items_raw())

    def _asked(self, question: Question, answer: Answer) -> Asked:
        about = {"question": question.model_dump(mode="json"), "answer": answer.model_dump(mode="json")}
        return Asked(
            about=question.about,
            asked=_in_words(question),
            mark=self._of(canonical(about)),
            told=told(answer),
        )

    def _of(self, content: bytes) -> str:
        return hmac.digest(self.key, content, hashlib.sha256).hex()


def marks_in(state: Path) -> Marks:
    """Return the marks of a state directory; its key is made on first use.

    Raises:
        JournalError: The key cannot be read or made.
    """
    path = state / KEY_FILE
    try:
        make_private(state)
        if not path.exists():
            _make(path)
        key = path.read_bytes()
    except OSError as error:
        raise JournalError(str(path), f"cannot be had ({error.strerror})", "see to the directory") from error
    if len(key) != _BYTES:
        raise JournalError(str(path), "is damaged", "remove it: a new one is made, and old plans tell less")
    return Marks(key)


def _make(path: Path) -> None:
    own = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secrets.token_bytes(_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(own)  # unlike a rename, it does not replace one that another process has just made
    except FileExistsError:
        pass
    finally:
        own.unlink()
    flush_directory(path.parent)


def _in_words(question: Question) -> str:
    if isinstance(question, Fetch):
        return f"{question.method} {question.url}"
    return f"a look at {', '.join(question.about) or 'the host'}"


def told(answer: Answer) -> str:
    """Return what can be told of an answer without showing it."""
    match answer:
        case ReadAnswer():
            return _of_file(answer)
        case RunAnswer():
            return f"exit code {answer.exit_code}, {len(answer.stdout)} bytes"
        case QueryAnswer():
            return f"{len(answer.rows)} row{'s' * (len(answer.rows) != 1)}"
        case FetchAnswer():
            return f"status {answer.status}, {len(answer.body)} bytes" if answer.status else "no answer"
    return "it could not be answered" if isinstance(answer, Unanswered) else "not known"


def _of_file(answer: ReadAnswer) -> str:
    if not answer.exists:
        return "there is none"
    since = datetime.fromtimestamp(answer.mtime_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    owner = f"{answer.owner}:{answer.group}"
    return f"{len(answer.content)} bytes, mode {answer.mode:o}, {owner}, changed {since}"
