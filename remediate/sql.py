"""Composes SQL text: identifiers and literals are quoted by psycopg's own rules. Opens no connection.

The second and last place that imports psycopg (the first is the database transport): providers must show, in a plan,
the very text that will run, before any connection is there.
"""

from psycopg import sql as composer


def identifier(*names: str) -> str:
    """Return a quoted, possibly qualified identifier: `identifier("public", "myTable")` -> `"public"."myTable"`."""
    return composer.Identifier(*names).as_string(None)


def literal(value: str | float | bool | None) -> str:
    """Return a quoted literal."""
    return composer.Literal(value).as_string(None)


def compose(template: str, *names: str | tuple[str, ...]) -> str:
    """Return a constant template with `{}` replaced by quoted identifiers, in order.

    Args:
        template: SQL text, a constant; a literal brace is doubled.
        names: An identifier, or a tuple for a qualified one.
    """
    identifiers = [composer.Identifier(*((name,) if isinstance(name, str) else name)) for name in names]
    return composer.SQL(template).format(*identifiers).as_string(None)
