"""Makes text from a host safe to show: no control sequence of it reaches a terminal. It does not mask secrets.

What a host prints may carry escapes that recolour, clear, retitle or write the clipboard (OSC 52); ECMA-48 calls them
C0 and C1. Bidirectional controls can make a line read as another one (CVE-2021-42574).
"""

import re

_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_HALF = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Return the text with every control character but newline and tab shown as an escape."""
    return _UNSAFE.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def clean_json(text: str) -> str:
    """Return JSON text with the controls that JSON lets stand written as its own escapes: the same value, read back.

    Half a character (a byte of a command line that is no UTF-8) is none in JSON: it is shown as an escape, as text.
    """
    whole = _HALF.sub(lambda match: f"\\\\u{ord(match[0]):04x}", text)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", whole)


def one_line(text: str, width: int = 160) -> str:
    """Return the text on one line, cut to a width in characters."""
    flat = " ".join(clean(text).split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"


def clean_lines(text: str) -> list[str]:
    """Return a diff or script cleaned, by lines; what else ends a line for some (U+2028) is shown as an escape."""
    return clean(text).rstrip("\n").split("\n") if text else []


def last_lines(text: str, count: int = 12) -> list[str]:
    """Return the last lines that are not empty, each cut to a readable width."""
    return [one_line(line) for line in text.splitlines() if line.strip()][-count:]
