"""A shell script taken apart into the calls it makes, with where each stands. It runs nothing and expands nothing.

It follows POSIX's chapter "Shell Command Language" as far as words, quotes, operators, here-documents and command
substitutions go. What it cannot read it passes over: a linter may miss something, it must not invent anything.
"""

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
      (?P<blank>(?:[ \t\r]|\\\n)+)
    | (?P<comment>\#[^\n]*)
    | (?P<here>\d*<<-?[ \t]*(?P<quote>['"]?)(?P<end>\w+)(?P=quote))
    | (?P<redirect>(?:\d*(?:>>|>\||>&|<&|<>|[<>])|&>>?))
    | (?P<operator>\n|;;|&&|\|\||[;&|()])
    | (?P<word>(?:\\.|'[^']*'|"(?:[^"\\]|\\.)*"|[^\s;&|()<>'"\\])+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ASSIGNED = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_QUOTES = re.compile(r"\\(.)|'([^']*)'|\"((?:[^\"\\]|\\.)*)\"", re.DOTALL)
_INSIDE = re.compile(r"\$\(([^()]*)\)|`([^`]*)`")
_KEYWORDS = frozenset({"{", "}", "!", "if", "then", "else", "elif", "while", "until", "do", "time"})
_BEFORE = frozenset({"exec", "command", "nohup", "setsid", "env", "nice", "ionice", "stdbuf", "xargs"})
_SHELLS = frozenset({"sh", "bash", "dash", "zsh"})
_ROOT = frozenset({"sudo", "doas", "su"})
_FETCHERS = frozenset({"npx", "bunx"})


@dataclass(frozen=True)
class Call:
    """One simple command.

    Attributes:
        words: Its words without quotes, the program's name first, without its folder; assignments left out.
        start: Where it begins in the script, from 0.
        end: Where it ends.
        before: The operator before it: `|`, `&&`, …, or nothing.
        after: The operator after it.
        redirects: What it writes to or reads from: operator and target.
        given: The assignments before it.
        around: The programs it is run by: `sudo`, `timeout`, `npx`.
    """

    words: tuple[str, ...]
    start: int
    end: int
    before: str = ""
    after: str = ""
    redirects: tuple[tuple[str, str], ...] = ()
    given: tuple[str, ...] = ()
    around: tuple[str, ...] = ()

    @property
    def program(self) -> str:
        """Its name."""
        return self.words[0] if self.words else ""

    @property
    def plain(self) -> tuple[str, ...]:
        """Its words without the program and without options."""
        return tuple(word for word in self.words[1:] if not word.startswith("-"))

    def is_a(self, *words: str) -> bool:
        """Tell whether it is this program, with these words first, options between them left out."""
        return (self.program, *self.plain)[: len(words)] == words

    def has(self, *options: str) -> bool:
        """Tell whether one of these options is given: `-f` also within `-rf`, `--follow` also as `--follow=x`."""
        return any(_given(word, option) for word in self.words[1:] for option in options)


def _given(word: str, option: str) -> bool:
    if option.startswith("--"):
        return word == option or word.startswith(f"{option}=")
    return word.startswith("-") and not word.startswith("--") and option[1] in word[1:]


def calls_of(script: str, at: int = 0, around: tuple[str, ...] = ()) -> Iterator[Call]:
    """Yield the calls of a script, those inside its substitutions and its `sh -c` among them.

    Args:
        script: POSIX shell text.
        at: Where it begins in the text that positions are of.
        around: The programs it is run by.
    """
    for tokens, before, after in _simple(script):
        call = _call(tokens, before, after, at, around)
        if call is not None:
            yield call
            yield from _in_shell(call, tokens, at)
        for token in tokens:
            for inner in _INSIDE.finditer(token[0]) if not token[0].startswith("'") else ():
                group = 1 if inner[1] is not None else 2
                yield from calls_of(inner[group], at + token.start() + inner.start(group), around)


def _simple(script: str) -> Iterator[tuple[list[re.Match[str]], str, str]]:
    """Yield the tokens of each simple command, with the operators around them."""
    tokens: list[re.Match[str]] = []
    before, position, ends = "", 0, [""]
    while found := _TOKEN.match(script, position):
        position = found.end()
        if found["here"]:
            ends.append(found["end"])
        elif found["operator"]:
            if tokens:
                yield tokens, before, found[0]
            before, tokens = found[0], []
            position = _after_documents(script, position, ends) if found[0] == "\n" else position
        elif not (found["blank"] or found["comment"]):
            tokens.append(found)
    if tokens:
        yield tokens, before, ""


def _after_documents(script: str, position: int, ends: list[str]) -> int:
    """Return where the script goes on after the here-documents that were announced; none is left in the list."""
    for end in ends[1:]:
        found = re.compile(rf"^\t*{re.escape(end)}$", re.MULTILINE).search(script, position)
        position = found.end() if found else len(script)
    del ends[1:]
    return position


def _call(
    tokens: Sequence[re.Match[str]], before: str, after: str, at: int, around: tuple[str, ...]
) -> Call | None:
    words, redirects = _sorted_out(tokens)
    while words and words[0] in _KEYWORDS:
        words = words[1:]
    given, words = _assignments(words)
    outer, more, words = _unwrapped(words)
    if not words and not redirects and not given:
        return None
    named = (posixpath.basename(words[0]), *words[1:]) if words else ()
    start, end = at + tokens[0].start(), at + tokens[-1].end()
    return Call(tuple(named), start, end, before, after, redirects, (*given, *more), (*around, *outer))


def _sorted_out(tokens: Sequence[re.Match[str]]) -> tuple[list[str], tuple[tuple[str, str], ...]]:
    """Return the words, and the redirections with their targets."""
    words: list[str] = []
    redirects: list[tuple[str, str]] = []
    waiting = ""
    for token in tokens:
        if token["redirect"]:
            waiting = token[0].lstrip("0123456789")
        elif waiting:
            redirects.append((waiting, unquoted(token[0])))
            waiting = ""
        else:
            words.append(unquoted(token[0]))
    return words, tuple(redirects)


def unquoted(word: str) -> str:
    """Return a word without its quotes; what is in it is not expanded."""
    return _QUOTES.sub(lambda found: found[1] or found[2] or found[3] or "", word)


def _assignments(words: list[str]) -> tuple[tuple[str, ...], list[str]]:
    count = next((index for index, word in enumerate(words) if not _ASSIGNED.fullmatch(word)), len(words))
    return tuple(words[:count]), words[count:]


def _unwrapped(words: list[str]) -> tuple[tuple[str, ...], tuple[str, ...], list[str]]:
    """Return the programs that run another one, the assignments among them, and that other one's words."""
    outer: list[str] = []
    given: tuple[str, ...] = ()
    while len(words) > 1 and (name := posixpath.basename(words[0])) in {
        *_BEFORE, *_ROOT, *_FETCHERS, "timeout"
    }:  # fmt: skip
        rest = words[1:]
        while rest and rest[0].startswith("-"):
            rest = rest[2:] if rest[0] in {"-u", "-n", "-k", "-s", "-p", "-c"} else rest[1:]
        rest = rest[1:] if name == "timeout" else rest
        more, rest = _assignments(rest)
        if not rest:
            break
        outer.append(name)
        given, words = (*given, *more), rest
    return tuple(outer), given, words


def _in_shell(call: Call, tokens: Sequence[re.Match[str]], at: int) -> Iterator[Call]:
    """Yield the calls of the text that `sh -c` is given."""
    if call.program not in _SHELLS or not call.has("-c"):
        return
    for token in tokens:
        if token[0][0] in "'\"" and " " in token[0]:
            yield from calls_of(token[0][1:-1], at + token.start() + 1, call.around)
            return
