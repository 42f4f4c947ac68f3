"""Takes secrets out of a case that leaves the house: those that are known, and whatever looks like one. Asks nobody.

An app's log may hold what no masker has learnt: a session's token, the password of somebody else's URL.
"""

import re
from collections.abc import Callable, Iterator

from remediate.escalation.case import Case
from remediate.masking import MASK
from remediate.model import Json
from remediate.text.marked_tokens import marked

_KEPT = frozenset({"run", "fingerprints", "environment", "playbook", "status", "verdict", "commands"})
"""Fields that name what the case is about: masked, they would name nothing any more."""
_NAMES = (
    r"password|passwd|pwd|passphrase|secret|credentials?|api[_-]?key|access[_-]?key|private[_-]?key|cookie"
    r"|(?:encryption|signing|session|master)[_-]?key|(?<![a-z])pass(?![a-z])"
    r"|(?-i:[a-z]Pass(?![a-z])|[A-Z0-9]_(?:KEY|SALT)(?![A-Za-z]))"  # smtpPass; ANY_KEY, as variables are written
)
_VALUE = r"(?:\\+[\"'][^\"'\\]*|\"(?:[^\"\\]|\\.)*+\"?|'(?:[^'\\]|\\.)*+'?|[^\s\"',;&}]+)"
_SEARCHED, _LONGEST = 4000, 2000
"""Characters of a line that are searched for what looks like a secret, and that are kept of it."""
_PATTERNS = (
    # A host words the lines, so none may take long: what is repeated never overlaps with what follows it.
    re.compile(
        r"(?i)(authorization[\\\"']*+\s*+[:=]\s*+[\\\"']*+(?:(?:bearer|basic|digest|token)\s++)?)[^\s\"',;\\]+"
    ),
    re.compile(r"(?i)(\b(?:bearer|basic)\s++)[\w.~+/=-]{8,}"),
    re.compile(rf"(){marked(whole=False)}"),
    re.compile(
        rf"(?i)(cookie[\w-]*+[\\\"']*+\s*+[:=]\s*+)(?:(?=[\\\"']){_VALUE}|[^\n]+)"
    ),  # all of a header's
    re.compile(rf"(?i)((?:{_NAMES})[\w-]*+[\\\"']*+\s*+[:=]\s*+){_VALUE}"),
    re.compile(rf"(?i)(token[\w-]*+(?:[\\\"']*+=|[\\\"']++:)\s*+){_VALUE}"),
    re.compile(r"(?i)((?<!unexpected )token[\w-]*+\s*+:\s*+)[\w.~+/=-]{6,}"),  # no parser's "token: }"
    re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*"),
    re.compile(r"((?:^|[\s:|\"'])\s*+)[A-Za-z0-9+/]{60,}+={0,2}(?![\w.-])"),  # base64, as keys are made of
)
_KEY_BEGINS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?!.*-----END)|[\s:|\"'][A-Za-z0-9+/]{60,}={0,2}\s*$"
)
_KEY_GOES_ON = re.compile(r"(?:^|(?<=[\s:|]))[A-Za-z0-9+/]++={0,2}\s*+$")
"""A line of a key, or a word at a line's end that may be one: after a key's other lines it is not asked how long."""


def without_secrets(case: Case, mask: Callable[[str], str]) -> Case:
    """Return the case with every secret replaced in every text that is not a name.

    Args:
        case: The case.
        mask: Replaces what is known to be secret.
    """
    return Case.model_validate(_cleared(case.model_dump(mode="json"), lambda text: redacted(mask(text))))


def redacted(text: str) -> str:
    """Return the beginning of a line of text, with whatever looks like a secret replaced."""
    text = re.sub(r"\S+", lambda word: _without_credentials(word[0]), text[:_SEARCHED])
    for pattern in _PATTERNS:
        text = pattern.sub(lambda met: met[1] + MASK, text)
    return text[:_LONGEST]


def _without_credentials(word: str) -> str:
    """Return a word without user and password of a URL; by hand, for no pattern finds them in one pass."""
    end, mark = word.rfind("@"), word.find("://")
    while 0 < mark < end:
        if re.compile(r"[^/@:]*+:").match(word, mark + 3, end):
            return word[: mark + 3] + MASK + word[end:]
        mark = word.find("://", mark + 3)
    return word


def _cleared(value: Json, clear: Callable[[str], str]) -> Json:
    if isinstance(value, str):
        return clear(value)
    if isinstance(value, dict):
        return {key: inner if key in _KEPT else _cleared(inner, clear) for key, inner in value.items()}
    if isinstance(value, list):
        return [_cleared(inner, clear) for inner in _without_keys(value)]
    return value


def _without_keys(values: list[Json]) -> Iterator[Json]:
    """Replace what goes on with a key that began in a line before: its last line is short, and looks like any word."""
    inside = False
    for value in values:
        line = value[:_SEARCHED] if isinstance(value, str) else ""
        inside = bool(_KEY_BEGINS.search(f" {line}")) or (inside and bool(_KEY_GOES_ON.search(line)))
        yield _KEY_GOES_ON.sub(MASK, line) if inside else value
