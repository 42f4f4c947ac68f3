"""How each kind of question is put to a shell, and its reply read. Sends nothing itself."""

import re
from collections.abc import Callable, Mapping
from secrets import token_hex
from string import ascii_letters
from typing import Literal

from remediate.questions import Fetch, FetchAnswer, Read, ReadAnswer, Run, RunAnswer, Unanswered
from remediate.transport.conversation import Reply, unfit, words
from remediate.transport.frames import KEPT, Kept

Look = Run | Read | Fetch
LARGEST_FILE = 64 * 1024 * 1024
"""Bytes; a larger file is not read whole."""

# The group is ended after its leader, by its number: `timeout` makes itself the leader of a group of its own.
RUN = r"""
remediate_run() {
  nonce=$1 limit=$2
  shift 2
  remediate_open "$nonce"
  read -r begun _ </proc/uptime
  timeout -k 2 "$limit" sh -c "$@" <&3 3<&- &
  group=$!
  wait "$group"
  code=$?
  kill -s KILL -- "-$group" 2>/dev/null
  read -r ended _ </proc/uptime
  remediate_close "$nonce" "$code" "$begun" "$ended"
}
"""
# 0 looked, 1 stat failed, 2 reading failed, 3 nothing there, 4 a folder on the way may not be entered.
READ = r"""
remediate_hidden() {
  part=$1
  while part=${part%/*}; do
    [ -e "${part:-/}" ] && { [ -d "${part:-/}" ] && [ ! -x "${part:-/}" ]; return; }
    [ -n "$part" ] || return 1
  done
}
remediate_look() {
  if [ ! -e "$1" ] && [ ! -L "$1" ]; then
    remediate_hidden "$1" && return 4
    return 3
  fi
  LC_ALL=C stat -c '%f %u %g %.9Y %U %G' -- "$1" || return 1
  [ ! -L "$1" ] || readlink -n -- "$1" || return 1
  printf '\0'
  [ ! -f "$1" ] || head -c "$2" -- "$1" || return 2
}
remediate_read() {
  remediate_open "$1"
  remediate_look "$2" "$3" </dev/null
  remediate_close "$1" "$?"
}
"""
FETCH = r"""
remediate_fetch() {
  remediate_open "$1"
  code=missing
  if command -v curl >/dev/null; then
    curl -q --config -
    code=$?
  fi
  remediate_close "$1" "$code"
}
"""


class Cannot(Exception):  # noqa: N818  (becomes an Unanswered, never shown as an error)
    """A question that cannot be put to a shell; the text says why."""


Phrase = Callable[[str], bytes]
"""Makes a question's shell text for a nonce."""


def phrase(question: Look, secrets: Mapping[str, str]) -> Phrase:
    """Return what makes the question's shell text.

    Raises:
        Cannot: There is a NUL in it, a header with a line break, an unknown secret, …
    """
    match question:
        case Run():
            return _phrase_run(question, secrets)
        case Read():
            return _phrase_read(question)
    return _phrase_fetch(question, secrets)


def room(question: Look) -> tuple[Kept, Kept]:
    """Return what of the reply's two streams is kept."""
    match question:
        case Read():
            return Kept(LARGEST_FILE + KEPT, 0), Kept()
        case Fetch():
            return Kept(KEPT, 1024), Kept()
    return Kept(), Kept()


def interpret(question: Look, reply: Reply) -> RunAnswer | ReadAnswer | FetchAnswer | Unanswered:
    """Return the answer that a whole reply is."""
    match question:
        case Run():
            return _run_answer(question, reply)
        case Read():
            return _read_answer(question, reply)
    return _fetch_answer(question, reply)


def _phrase_run(question: Run, secrets: Mapping[str, str]) -> Phrase:
    secret = _secret(question.secret, secrets)
    if why := unfit(question.script, *question.args, secret):
        raise Cannot(why)
    limit = f"{question.timeout:g}"
    # The secret stands in a here-document: no argument and no environment shows it.
    end = _end_of(secret)
    fed = f" 3<<'{end}'\n{secret}\n{end}\n" if question.secret is not None else " 3</dev/null\n"
    return lambda nonce: (
        words("remediate_run", nonce, limit, question.script, "sh", *question.args) + fed.encode()
    )


def _end_of(text: str) -> str:
    """Return a line that ends a here-document of a text, and that no line of it begins like.

    dash 0.5.12 loses a byte above 127 that follows the beginning of what could be the end.

    Raises:
        Cannot: Lines of the text begin with every letter that there is.
    """
    beginnings = {line[:1] for line in text.split("\n") if not line.isascii()}
    free = next((letter for letter in ascii_letters if letter not in beginnings), "")
    if not free:
        raise Cannot("a secret has too many lines that are no ASCII")
    return free + token_hex(16)


def _secret(name: str | None, secrets: Mapping[str, str]) -> str:
    if name is not None and name not in secrets:
        raise Cannot(f"the inventory has no secret named {name}")
    return secrets[name] if name is not None else ""


def _run_answer(question: Run, reply: Reply) -> RunAnswer | Unanswered:
    code, begun, ended = (*reply.words, "", "")[:3]
    if took_too_long(int(code), begun, ended, question.timeout):
        return Unanswered(reason=f"`{_first_line(question.script)}` took longer than {question.timeout:g} s")
    return RunAnswer(
        exit_code=int(code),
        stdout=reply.out.kept.content,
        stderr=reply.err.kept.content,
        left_out=reply.out.kept.left_out + reply.err.kept.left_out,
    )


def took_too_long(code: int, begun: str, ended: str, seconds: float) -> bool:
    """Tell whether `timeout` ended a command, which a command's own exit code 124 or 137 does not prove.

    Args:
        code: The exit code.
        begun: /proc/uptime before; empty where the host has none.
        ended: The same, after.
        seconds: The limit.
    """
    if code not in {124, 137}:
        return False
    return not (begun and ended) or float(ended) - float(begun) >= seconds - 0.02


def _first_line(script: str) -> str:
    return next((line.strip()[:60] for line in script.splitlines() if line.strip()), "")


def _phrase_read(question: Read) -> Phrase:
    path = question.path.rstrip("/") or "/"
    if not path.startswith("/"):
        raise Cannot(f"{question.path} is no absolute path")
    if why := unfit(path):
        raise Cannot(why)
    return lambda nonce: words("remediate_read", nonce, path, str(LARGEST_FILE + 1)) + b"\n"


def _read_answer(question: Read, reply: Reply) -> ReadAnswer | Unanswered:
    code = reply.words[0]
    if code == "3":
        return ReadAnswer(exists=False)
    if code == "4":
        return Unanswered(reason=f"{question.path}: a folder on the way to it may not be entered")
    if code != "0":
        return Unanswered(reason=f"{question.path} cannot be read: {_last_line(reply) or 'no reason given'}")
    return _file_seen(question.path, reply.out.kept.head)


def _file_seen(path: str, seen: bytes) -> ReadAnswer | Unanswered:
    facts, _, rest = seen.partition(b"\n")
    link, _, content = rest.partition(b"\0")
    if len(content) > LARGEST_FILE:
        return Unanswered(reason=f"{path} is larger than {LARGEST_FILE // 2**20} MiB")
    raw, uid, gid, changed, owner, group = facts.decode().split(" ", 5)
    seconds, _, fraction = changed.partition(".")
    return ReadAnswer(
        exists=True,
        kind_of_file=_kind(int(raw, 16)),
        content=content,
        mode=int(raw, 16) & 0o7777,
        owner=uid if owner == "UNKNOWN" else owner,
        group=gid if group == "UNKNOWN" else group,
        mtime_ns=int(seconds) * 10**9 + int(fraction or 0),
        link_to=link.decode("utf-8", "backslashreplace"),
    )


def _kind(raw: int) -> Literal["file", "link", "directory", "other"]:
    kinds: dict[int, Literal["file", "link", "directory"]] = {0o10: "file", 0o12: "link", 0o04: "directory"}
    return kinds.get(raw >> 12, "other")


def _last_line(reply: Reply) -> str:
    lines = reply.err.kept.content.decode("utf-8", "backslashreplace").strip().splitlines()
    return lines[-1] if lines else ""


def _phrase_fetch(question: Fetch, secrets: Mapping[str, str]) -> Phrase:
    token = _secret(question.bearer, secrets)
    bearer = [("Authorization", f"Bearer {token}")] if question.bearer is not None else []
    headers = [f"{name}: {value}" for name, value in (*question.headers, *bearer)]
    if any(re.search(r"[\0-\x1f\x7f]", text) for text in (question.url, *headers)):
        raise Cannot("a URL or a header has a control character in it")
    return lambda nonce: _fetch_text(nonce, question, headers)


def _fetch_text(nonce: str, question: Fetch, headers: list[str]) -> bytes:
    """Return the text: curl's whole configuration stands in a here-document, so no argument shows a token."""
    end = token_hex(16)
    options = [
        "silent\nshow-error\ngloboff",
        'noproxy = "*"\nproto = "=http,https"',
        f"max-time = {question.timeout:g}",
        *(['head\noutput = "/dev/null"'] if question.method == "HEAD" else []),
        f"url = {_quoted(question.url)}",
        *(f"header = {_quoted(header)}" for header in headers),
        f'write-out = "\\n{nonce} %{{http_code}} %{{time_total}}"',
    ]
    lines = [f"remediate_fetch {nonce} <<'{end}'", *options, end, ""]
    return "\n".join(lines).encode()


def _quoted(text: str) -> str:
    """Return the text as curl's configuration has it: curl(1), `--config`."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _fetch_answer(question: Fetch, reply: Reply) -> FetchAnswer | Unanswered:
    if reply.words[0] == "missing":
        return Unanswered(reason=f"{question.url} cannot be fetched: curl is not installed on the host")
    kept = reply.out.kept
    body, _, written = kept.content.rpartition(b"\n" + reply.nonce.encode() + b" ")
    status, seconds = (*written.decode("ascii", "replace").split(), "0", "0")[:2]
    error = re.sub(r"^curl: \(\d+\) ", "", _last_line(reply)) if reply.words[0] != "0" else ""
    return FetchAnswer(
        status=0 if reply.words[0] != "0" else int(status),
        body=body[:KEPT],
        seconds=float(seconds),
        error=error or ("curl ended with " + reply.words[0] if reply.words[0] != "0" else ""),
    )
