"""TypeScript text -> what it imports and exports, and a wrong import mended in it. The only importer of ast-grep.

A real parser reads the text, so comments and strings are no code. Pure; knows neither hosts nor steps. It does not read
`require()` and `import()`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ast_grep_py import SgNode, SgRoot

from remediate.providers.typescript_modules import Exports, Import, Sources, Syntax, Wrong

DECLARES_TYPE = ("interface_declaration", "type_alias_declaration")
DECLARES_VALUE = (
    "function_declaration",
    "generator_function_declaration",
    "function_signature",
    "class_declaration",
    "abstract_class_declaration",
    "enum_declaration",
    "internal_module",
    "import_alias",
)
PROPERTY = (
    "property_identifier",
    "shorthand_property_identifier",
    "shorthand_property_identifier_pattern",
)
LONGEST_SHOWN = 40
BOUND = ("identifier", "shorthand_property_identifier_pattern")


def read_sources(files: Mapping[str, bytes | None]) -> Sources:
    """Return what files import and export; of one that is no UTF-8 text, or has only a name, nothing is known."""
    texts = {file: text for file, content in files.items() if (text := _text(content)) is not None}
    roots = {file: _parsed(file, text) for file, text in texts.items()}
    return Sources(
        names=frozenset(files),
        exports={file: _exports(root) for file, root in roots.items()},
        imports=tuple(one for file, root in roots.items() for one in _imports(file, root)),
    )


def with_text(sources: Sources, file: str, text: str) -> Sources:
    """Return the sources with one file's text replaced."""
    root = _parsed(file, text)
    others = (one for one in sources.imports if one.file != file)
    return replace(
        sources,
        exports={**sources.exports, file: _exports(root)},
        imports=(*others, *_imports(file, root)),
    )


def statement_text(file: str, text: str, begin: int) -> str:
    """Return the statement that begins at a character of a file's text."""
    return _statement(_parsed(file, text), begin).text()


def unread(file: str, text: str) -> tuple[int, str] | None:
    """Return the line where a file's text cannot be read any further, and why; None where all of it can be."""
    root = _parsed(file, text)
    met = root.find(kind="ERROR")
    if met:
        return met.range().start.line + 1, f"cannot be read from {met.text()[:LONGEST_SHOWN]!r} on"
    lacking = next(_lacking(root), None)
    return (lacking.range().start.line + 1, f"lacks a {lacking.kind()}") if lacking else None


def _lacking(root: SgNode) -> Iterator[SgNode]:
    """Yield what the parser put in to make sense of a text: nodes without text. A semicolon may be left out."""
    return (node for node in root.find_all(regex="^$") if node.parent() and node.kind() != ";")


def names_used(file: str, text: str) -> dict[str, int]:
    """Return the property names that a file's code writes or reads, each with the first line that has it."""
    root = _parsed(file, text)
    nodes = (node for kind in PROPERTY for node in root.find_all(kind=kind))
    lines: dict[str, int] = {}
    for node in nodes:
        line = node.range().start.line + 1
        lines[node.text()] = min(line, lines.get(node.text(), line))
    return lines


def _text(content: bytes | None) -> str | None:
    try:
        return None if content is None else content.decode()
    except UnicodeDecodeError:
        return None


def _parsed(file: str, text: str) -> SgNode:
    return SgRoot(text, "tsx" if file.endswith("x") else "typescript").root()


def _statement(root: SgNode, begin: int) -> SgNode:
    return next(child for child in root.children() if child.range().start.index == begin)


def _child(node: SgNode | None, kind: str) -> SgNode | None:
    return next((child for child in node.children() if child.kind() == kind), None) if node else None


def _children(node: SgNode | None, *kinds: str) -> list[SgNode]:
    return [child for child in node.children() if child.kind() in kinds] if node else []


def _field(node: SgNode, name: str) -> str:
    field = node.field(name)
    return field.text() if field else ""


def _imports(file: str, root: SgNode) -> Iterator[Import]:
    for statement in root.children():
        module = _module(statement)
        if module:
            begin = statement.range().start
            for imported, local, syntax in _names(statement):
                yield Import(file, begin.line + 1, begin.index, module, imported, local, syntax)


def _module(statement: SgNode) -> str:
    clause = _child(statement, "import_require_clause")
    string = statement.field("source") or _child(clause, "string")
    return string.text()[1:-1] if string else ""


def _names(statement: SgNode) -> Iterator[tuple[str, str, Syntax]]:
    clause = _child(statement, "import_clause")
    default = _child(clause, "identifier")
    specifiers = _specifiers(statement)
    if default:
        yield "default", default.text(), "default"
    for specifier in specifiers:
        yield _field(specifier, "name"), _field(specifier, "alias") or _field(specifier, "name"), "named"
    if not default and not specifiers:
        yield "", "", "whole"


def _specifiers(statement: SgNode) -> list[SgNode]:
    named = _child(_child(statement, "import_clause"), "named_imports") or _child(statement, "export_clause")
    return _children(named, "import_specifier", "export_specifier")


def _exports(root: SgNode) -> Exports:
    exports = Exports()
    for statement in root.children():
        if statement.kind() == "export_statement":
            exports = _joined(exports, _exported_by(statement))
    return exports


def _joined(one: Exports, other: Exports) -> Exports:
    return Exports(
        one.values | other.values,
        one.types | other.types,
        one.default or other.default,
        one.default_name or other.default_name,
        one.hands_on + other.hands_on,
        one.known and other.known,
    )


def _exported_by(statement: SgNode) -> Exports:
    if _child(statement, "="):
        return Exports(known=False)
    if _child(statement, "default"):
        return Exports(default=True, default_name=_default_name(statement))
    if _child(statement, "*"):
        return Exports(hands_on=(_module(statement),))
    if whole := _child(statement, "namespace_export"):
        return Exports(values=frozenset(name.text() for name in _children(whole, "identifier")))
    if clause := _child(statement, "export_clause"):
        return _listed(clause)
    return _declared(statement)


def _default_name(statement: SgNode) -> str:
    value, declaration = statement.field("value"), statement.field("declaration")
    if value and value.kind() == "identifier":
        return value.text()
    named = declaration or value
    return _field(named, "name") if named else ""


def _listed(clause: SgNode) -> Exports:
    names = {}
    for specifier in _children(clause, "export_specifier"):
        name = _field(specifier, "name")
        names[_field(specifier, "alias") or name] = name
    default_name = names.pop("default", "")
    return Exports(frozenset(names), default=bool(default_name), default_name=default_name)


def _declared(node: SgNode) -> Exports:
    types = {_field(child, "name") for child in _children(node, *DECLARES_TYPE)}
    values = {_declared_name(child) for child in _children(node, *DECLARES_VALUE)}
    for declaration in _children(node, "lexical_declaration", "variable_declaration"):
        values |= {name for variable in declaration.children() for name in _bound(variable)}
    exports = Exports(frozenset(values), frozenset(types))
    ambient = _child(node, "ambient_declaration")
    return _joined(exports, _declared(ambient)) if ambient else exports


def _declared_name(declaration: SgNode) -> str:
    first = _children(declaration, "identifier")
    return _field(declaration, "name") or (first[0].text() if first else "")


def _bound(variable: SgNode) -> set[str]:
    name = variable.field("name")
    if name is None:
        return set()
    return {name.text()} if name.kind() == "identifier" else _inside(name)


def _inside(pattern: SgNode) -> set[str]:
    # Defaults in a pattern are taken for names, too: an export too many is a finding too few, never a false one.
    return {node.text() for kind in BOUND for node in pattern.find_all(kind=kind)}


def mend(text: str, wrong: Wrong) -> str:
    """Return a file's text with one import mended as its cure says; as it is where that cannot be written.

    Everything but the name itself stays: other names, alias, quotes, semicolon, line ends, comments.
    """
    found = wrong.found
    statement = _statement(_parsed(found.file, text), found.statement)
    if found.syntax == "default":
        return _default_to_named(text, statement, _specifier(wrong.cure, found.local))
    specifier = next(one for one in _specifiers(statement) if _local(one) == found.local)
    if wrong.cure == "default" and _can_be_default(statement, specifier):
        return _named_to_default(text, statement, specifier)
    typed = "type " if _child(specifier, "type") else ""
    return _with(text, specifier, typed + _specifier(wrong.cure, found.local))


def _specifier(exported: str, local: str) -> str:
    return local if exported == local else f"{exported} as {local}"


def _local(specifier: SgNode) -> str:
    return _field(specifier, "alias") or _field(specifier, "name")


def _with(text: str, node: SgNode, new: str) -> str:
    return text[: node.range().start.index] + new + text[node.range().end.index :]


def _can_be_default(statement: SgNode, specifier: SgNode) -> bool:
    clause = _child(statement, "import_clause")
    alone = len(_specifiers(statement)) == 1
    commented = bool(clause and clause.find_all(kind="comment"))
    # `import type a, { b }` is refused by tsc, and `type` before one name must stay with that name.
    typed = _child(specifier, "type") or (_child(statement, "type") and not alone)
    return bool(clause) and not _child(clause, "identifier") and not commented and not typed


def _named_to_default(text: str, statement: SgNode, specifier: SgNode) -> str:
    named = _child(_child(statement, "import_clause"), "named_imports")
    specifiers = _specifiers(statement)
    if named is None or len(specifiers) == 1:
        return _with(text, named or specifier, _local(specifier))
    position = [one.range().start.index for one in specifiers].index(specifier.range().start.index)
    begin, end = specifier.range().start.index, specifier.range().end.index
    if position + 1 < len(specifiers):
        end = specifiers[position + 1].range().start.index
    else:
        begin = specifiers[position - 1].range().end.index
    opening = named.range().start.index
    return f"{text[:opening]}{_local(specifier)}, {text[opening:begin]}{text[end:]}"


def _default_to_named(text: str, statement: SgNode, specifier: str) -> str:
    clause = _child(statement, "import_clause")
    default, named = _child(clause, "identifier"), _child(clause, "named_imports")
    if default is None or _child(clause, "namespace_import"):
        return text
    if named is None:
        return _with(text, default, f"{{ {specifier} }}")
    specifiers = _specifiers(statement)
    if not specifiers:
        return f"{text[: default.range().start.index]}{{ {specifier} }}{text[named.range().end.index :]}"
    first = specifiers[0].range().start.index
    begin, opening = default.range().start.index, named.range().start.index
    return f"{text[:begin]}{text[opening:first]}{specifier}, {text[first:]}"
