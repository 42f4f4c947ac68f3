"""Every step of the catalogue can do all that its base classes promise."""

import ast
import inspect
import textwrap
from collections.abc import Callable

import pytest

from remediate.catalogue import CATALOGUE
from remediate.steps import Step


def promised_only(member: object) -> bool:
    """Return whether a method or property does nothing but say that a subclass does it."""
    function = getattr(member, "fget", None) or getattr(member, "func", None) or member
    if not inspect.isfunction(function):
        return False
    return "NotImplementedError" in function.__code__.co_names and raises_at_once(function)


def raises_at_once(function: Callable[..., object]) -> bool:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(definition, ast.FunctionDef)
    return isinstance(definition.body[-1], ast.Raise)


@pytest.mark.parametrize("kind", sorted(CATALOGUE))
def test_a_step_has_all_that_its_base_classes_leave_to_it(kind: str) -> None:
    step: type[Step] = CATALOGUE[kind]
    owed = [name for name, member in inspect.getmembers_static(step) if promised_only(member)]
    assert not owed, f"{step.__name__} has no {', '.join(owed)} of its own"
