"""Templates: text with `{{ expressions }}` over data, checked when read and rendered once. Knows no YAML and no files.

An expression sees data only: no calls, no arithmetic, no statements, no attributes of Python's objects, and no filters
but those of `filters.py`; so it ends quickly and stays small, whatever stands in it. A template that is one whole
expression yields the value itself (a list stays a list); within other text a value becomes text.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn, TypeAlias

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.environment import TemplateExpression
from jinja2.sandbox import ImmutableSandboxedEnvironment

from remediate.model import Json
from remediate.text import filters
from remediate.text.rendered import LARGEST, TooLarge, as_data, as_text
from remediate.text.suggest import did_you_mean

LONGEST = 4096
"""Characters of one template."""
DEEPEST = 24
"""Levels of nesting in one expression."""

Scope: TypeAlias = Mapping[str, Json]
"""What templates see: names with their values."""

Names: TypeAlias = Mapping[str, frozenset[str] | None]
"""What templates may name: each root with the names below it, or None where these are not known beforehand."""


class TemplateFault(Exception):  # noqa: N818  (its catcher knows the place and makes the error of it)
    """A template is wrong, or cannot be rendered here."""

    def __init__(self, what: str, todo: str = "") -> None:
        self.what, self.todo = what, todo
        super().__init__(what)


class _Environment(ImmutableSandboxedEnvironment):
    """A sandbox in which a dot and brackets reach data, and nothing else."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Undefined):
            obj._fail_with_undefined_error()  # noqa: SLF001  (what Jinja's own lookup does)
        if isinstance(obj, Mapping):
            return obj[argument] if argument in obj else self.undefined(obj=obj, name=argument)
        if isinstance(obj, list | tuple) and type(argument) is int and -len(obj) <= argument < len(obj):
            return obj[argument]
        return self.undefined(obj=obj, name=argument)


def _default(value: Any, instead: Json = "") -> Any:
    return instead if isinstance(value, Undefined) or value is None else value


FILTERS = {**filters.FILTERS, "default": _default}
TESTS = {**filters.TESTS, "defined": lambda value: not isinstance(value, Undefined)}

_ENVIRONMENT = _Environment(
    undefined=StrictUndefined, autoescape=False, cache_size=0, keep_trailing_newline=True
)
_ENVIRONMENT.globals.clear()
_ENVIRONMENT.filters.clear()
_ENVIRONMENT.filters.update(FILTERS)
_ENVIRONMENT.tests.clear()
_ENVIRONMENT.tests.update(TESTS)

_ALLOWED = (
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Filter,
    nodes.Test,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Neg,
    nodes.CondExpr,
    nodes.List,
    nodes.Tuple,
    nodes.Dict,
    nodes.Pair,
    nodes.Keyword,
)


def is_template(value: object) -> bool:
    """Tell whether a value is text with something to render in it."""
    return isinstance(value, str) and any(opening in value for opening in ("{{", "{%", "{#"))


@dataclass(frozen=True)
class Template:
    """A template that was read and found in order.

    Attributes:
        text: As it was written.
        nodes: Its parts: text, and expressions.
    """

    text: str
    nodes: tuple[nodes.Expr, ...]

    @cached_property
    def names(self) -> frozenset[str]:
        """The roots it names: `found`, `app`, `table`."""
        return frozenset(
            name.name for part in self.nodes for name in _every(part) if isinstance(name, nodes.Name)
        )

    @cached_property
    def _parts(self) -> tuple[str | TemplateExpression, ...]:
        return tuple(
            part.data if isinstance(part, nodes.TemplateData) else _compiled(part) for part in self.nodes
        )

    def render(self, scope: Scope) -> Json:
        """Return what it comes to.

        Args:
            scope: The values of the names; JSON only.

        Raises:
            TemplateFault: A name has no value, a filter does not fit its value, or the result is too large.
        """
        try:
            values = [part if isinstance(part, str) else part(scope) for part in self._parts]
            return as_data(values[0]) if len(values) == 1 else as_text(values)
        except TooLarge as error:
            raise TemplateFault(f"`{self.text}` would come to more than {LARGEST} characters") from error
        except (UndefinedError, TypeError, ValueError, KeyError, IndexError) as error:
            raise self._without_value(scope) or self._unfit(error) from error

    def _without_value(self, scope: Scope) -> TemplateFault | None:
        lacking = (_lacking(node, scope) for part in self.nodes for node in _every(part))
        found = next((lack for lack in lacking if lack), None)
        return TemplateFault(*found) if found else None

    def _unfit(self, error: Exception) -> TemplateFault:
        return TemplateFault(
            f"`{self.text}` does not fit its values ({error})", "check the names and filters"
        )


def read_template(text: str, names: Names) -> Template:
    """Return a template, checked.

    Args:
        text: As it was written.
        names: What it may name.

    Raises:
        TemplateFault: It is no template, uses what is not allowed, or names what is not there.
    """
    if len(text) > LONGEST:
        raise TemplateFault(f"a template of {len(text)} characters is too long", f"keep it under {LONGEST}")
    parts = tuple(_parsed(text))
    for part in parts:
        _check(part, names, 0)
    return Template(text, parts)


def _parsed(text: str) -> Iterator[nodes.Expr]:
    try:
        body = _ENVIRONMENT.parse(text).body
    except TemplateSyntaxError as error:
        raise TemplateFault(
            f"`{text}` is no template ({error.message})", "check braces and quotes"
        ) from error
    except RecursionError as error:
        raise TemplateFault("a template is nested too deeply", "make it simpler") from error
    for statement in body:
        if not isinstance(statement, nodes.Output):
            raise TemplateFault("a template has no statements", "use {{ expressions }} only")
        yield from statement.nodes


def _check(node: nodes.Node, names: Names, depth: int) -> None:
    if depth > DEEPEST:
        raise TemplateFault("a template is nested too deeply", "make it simpler")
    if not isinstance(node, _ALLOWED):
        _refuse(type(node).__name__)
    _check_filter(node)
    _check_name(node, names)
    for child in node.iter_child_nodes():
        _check(child, names, depth + 1)


def _refuse(kind: str) -> NoReturn:
    word = {
        "Call": "a call",
        "Slice": "a slice",
        "Concat": "`~`",
        "Mod": "`%`",
        "Mul": "`*`",
        "Add": "`+`",
    }.get(kind)
    raise TemplateFault(
        f"{word or kind.lower()} is not allowed in a template",
        "name values and use the filters " + ", ".join(sorted(FILTERS)),
    )


def _check_filter(node: nodes.Node) -> None:
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        raise TemplateFault(f"there is no filter `{node.name}`", did_you_mean(node.name, FILTERS))
    if isinstance(node, nodes.Test) and node.name not in TESTS:
        raise TemplateFault(f"there is no test `{node.name}`", did_you_mean(node.name, TESTS))


def _check_name(node: nodes.Node, names: Names) -> None:
    if isinstance(node, nodes.Name) and node.name not in names:
        raise TemplateFault(f"`{node.name}` is not known here", did_you_mean(node.name, names))
    way = _way(node)
    below = names.get(way[0]) if len(way) > 1 else None
    if below is not None and way[1] not in below:
        raise TemplateFault(f"`{way[0]}` has no `{way[1]}`", did_you_mean(str(way[1]), below))


def _way(node: nodes.Node) -> tuple[str, ...]:
    """Return the names of a chain like `found.columns.missing`, or nothing where it is none."""
    if isinstance(node, nodes.Name):
        return (node.name,)
    if isinstance(node, nodes.Getattr):
        return (*around, node.attr) if (around := _way(node.node)) else ()
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        return (*around, node.arg.value) if (around := _way(node.node)) else ()
    return ()


def _lacking(node: nodes.Node, scope: Scope) -> tuple[str, str] | None:
    """Return what a chain lacks in this scope, and what to do about it."""
    value: Json = scope
    way = _way(node)
    for index, name in enumerate(way):
        if not isinstance(value, Mapping):
            return None
        if name not in value:
            around = ".".join(map(str, way[:index]))
            return f"`{around}` has no `{name}`" if around else f"`{name}` has no value", did_you_mean(
                name, value
            )
        value = value[name]
    return None


def _every(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _every(child)


def _compiled(expression: nodes.Expr) -> TemplateExpression:
    """Return an expression that can be called, as `Environment.compile_expression` makes it from text."""
    kept = nodes.Name("result", "store", lineno=1)
    body: list[nodes.Node] = [nodes.Assign(kept, expression, lineno=1)]
    return TemplateExpression(
        _ENVIRONMENT.from_string(nodes.Template(body, lineno=1)), undefined_to_none=False
    )
