"""Reads the text of a Prisma schema into blocks, fields and attributes. What they mean to a database is not known here.

Source of the grammar: `schema.pest` in prisma/prisma-engines (psl/schema-ast), and Prisma's schema reference.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from remediate.errors import CouldNotLook
from remediate.providers.prisma_tree import (
    Argument,
    Attribute,
    Block,
    Call,
    Expression,
    Field,
    Listing,
    Name,
    Number,
    Pairs,
    Text,
)

Read = TypeVar("Read")


@dataclass(frozen=True)
class Token:
    """One word of the text."""

    kind: str
    text: str
    line: int


_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\f\ufeff]+)
    |(?P<comment>//[^\n]*|/\*.*?\*/)
    |(?P<newline>\n)
    |(?P<string>"(?:\\.|[^"\\\n])*")
    |(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<word>[^\W\d_][\w-]*)
    |(?P<sign>@@|[@{}()\[\],:.=?!])""",
    re.VERBOSE | re.DOTALL,
)
_SETTINGS = ("generator", "datasource")
_WITH_FIELDS = ("model", "view", "type", "enum")


def tokens_of(text: str, where: str) -> list[Token]:
    """Return the words of a schema, without spaces and comments, with ends of lines.

    Args:
        text: The schema.
        where: The file's path, for messages.

    Raises:
        CouldNotLook: There is a character that belongs to nothing.
    """
    return list(_tokens(text, where))


def _tokens(text: str, where: str) -> Iterator[Token]:
    position, line = 0, 1
    while position < len(text):
        found = _TOKEN.match(text, position)
        if not found:
            raise CouldNotLook(f"{where}:{line}", f"cannot read {text[position]!r}", "run prisma validate")
        kind = found.lastgroup or ""
        if kind not in ("space", "comment"):
            yield Token(kind, found[0], line)
        position, line = found.end(), line + found[0].count("\n")


def words_of(text: str, where: str) -> tuple[str, ...]:
    """Return a schema without what formatting may change: two schemas with equal words mean the same."""
    return tuple(
        token.text for token in tokens_of(text, where) if token.kind != "newline" and token.text != ","
    )


def blocks_of(text: str, where: str) -> tuple[Block, ...]:
    """Return a schema's blocks.

    Args:
        text: The schema.
        where: The file's path, for messages.

    Raises:
        CouldNotLook: It cannot be read; says file and line.
    """
    return _Reader(tokens_of(text, where), where).blocks()


class _Reader:
    """Walks along the tokens, one rule of the grammar a method."""

    def __init__(self, tokens: list[Token], where: str) -> None:
        last = tokens[-1].line if tokens else 1
        self._tokens, self._where, self._at = [*tokens, Token("end", "end of file", last)], where, 0

    def blocks(self) -> tuple[Block, ...]:
        blocks = []
        self._skip_lines()
        while self._here.kind != "end":
            blocks.append(self._block())
            self._skip_lines()
        return tuple(blocks)

    def _block(self) -> Block:
        kind, name = self._word(), self._word()
        if kind.text not in (*_SETTINGS, *_WITH_FIELDS):
            raise self._unexpected(kind, "model, view, enum, type, generator or datasource")
        self._sign("{")
        fields, attributes, settings = self._body(kind.text)
        return Block(kind.text, name.text, fields, attributes, settings, kind.line)

    def _body(self, kind: str) -> tuple[tuple[Field, ...], tuple[Attribute, ...], tuple[Argument, ...]]:
        fields, attributes, settings = [], [], []
        self._skip_lines()
        while not self._take("}"):
            if self._here.text == "@@":
                attributes.append(self._attribute("@@"))
            elif kind in _SETTINGS:
                settings.append(self._setting())
            else:
                fields.append(self._field(kind))
            self._end_of_line()
        return tuple(fields), tuple(attributes), tuple(settings)

    def _setting(self) -> Argument:
        name = self._word().text
        self._sign("=")
        return Argument(name, self._expression())

    def _field(self, kind: str) -> Field:
        name = self._word()
        type_name, unsupported = ("", "") if kind == "enum" else self._type()
        is_list = self._take("[")
        if is_list:
            self._sign("]")
        is_optional = self._take("?")
        attributes = []
        while self._here.text == "@":
            attributes.append(self._attribute("@"))
        return Field(name.text, type_name, unsupported, is_list, is_optional, tuple(attributes), name.line)

    def _type(self) -> tuple[str, str]:
        name = self._word()
        if name.text != "Unsupported":
            return name.text, ""
        self._sign("(")
        raw = self._expression()
        self._sign(")")
        if not isinstance(raw, Text):
            raise self._unexpected(name, 'Unsupported("type")')
        return name.text, raw.value

    def _attribute(self, sign: str) -> Attribute:
        line = self._sign(sign).line
        name = self._dotted()
        arguments = self._arguments() if self._here.text == "(" else ()
        return Attribute(name, arguments, line)

    def _dotted(self) -> str:
        name = self._word().text
        while self._take("."):
            name += f".{self._word().text}"
        return name

    def _arguments(self) -> tuple[Argument, ...]:
        self._sign("(")
        return tuple(self._until(")", self._argument))

    def _argument(self) -> Argument:
        following = self._tokens[self._at + 1]
        if self._here.kind == "word" and following.text == ":":
            name = self._word().text
            self._sign(":")
            self._skip_lines()
            return Argument(name, self._expression())
        return Argument("", self._expression())

    def _expression(self) -> Expression:
        token = self._next()
        if token.kind == "string":
            return Text(json.loads(token.text, strict=False))
        if token.kind == "number":
            return Number(token.text)
        if token.text == "[":
            return Listing(tuple(self._until("]", self._expression)))
        if token.text == "{":
            return Pairs(tuple(self._until("}", self._argument)))
        if token.kind != "word":
            raise self._unexpected(token, "a value")
        self._at -= 1
        name = self._dotted()
        return Call(name, self._arguments()) if self._here.text == "(" else Name(name)

    def _until(self, closing: str, rule: Callable[[], Read]) -> Iterator[Read]:
        """Read what a rule reads, separated by commas, across lines, up to the closing sign."""
        self._skip_lines()
        while not self._take(closing):
            yield rule()
            self._skip_lines()
            if not self._take(",") and self._here.text != closing:
                raise self._unexpected(self._here, f"a comma or {closing}")
            self._skip_lines()

    @property
    def _here(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._here
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _take(self, sign: str) -> bool:
        found = self._here.kind == "sign" and self._here.text == sign
        self._at += found
        return found

    def _sign(self, sign: str) -> Token:
        token = self._next()
        if token.kind != "sign" or token.text != sign:
            raise self._unexpected(token, sign)
        return token

    def _word(self) -> Token:
        token = self._next()
        if token.kind != "word":
            raise self._unexpected(token, "a name")
        return token

    def _skip_lines(self) -> None:
        while self._here.kind == "newline":
            self._at += 1

    def _end_of_line(self) -> None:
        if self._here.kind not in ("newline", "sign") or self._here.text not in ("\n", "}"):
            raise self._unexpected(self._here, "the end of the line")
        self._skip_lines()

    def _unexpected(self, token: Token, wanted: str) -> CouldNotLook:
        seen = "the end of the line" if token.kind == "newline" else token.text
        return CouldNotLook(
            f"{self._where}:{token.line}", f"{seen} where {wanted} was expected", "run prisma validate"
        )
