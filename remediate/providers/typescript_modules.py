"""What modules import and export as values, and which imports name what is not exported. Parses no source text.

Facts: ECMA-262 (`export *` hands on every name but `default`), the TypeScript handbook on modules (the extensions
tried for a relative path, `.js` written for `.ts`, `export =`), and what tsc says of each fault: TS2614 (named, only
a default), TS2613 and TS1192 (default, but only named), TS2305 (no such export), TS2307 (no such module).
"""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["named-of-default", "default-of-named", "no-such-export", "no-such-module"]
Syntax: TypeAlias = Literal["default", "named", "whole"]
EXTENSIONS = (
    ".ts",
    ".tsx",
    ".mts",
    ".cts",
    ".d.ts",
    ".d.mts",
    ".d.cts",
    ".js",
    ".jsx",
    ".mjs",
    ".cjs",
    ".json",
)
WRITTEN_FOR = {".js": (".ts", ".tsx", ".d.ts"), ".jsx": (".tsx",), ".mjs": (".mts",), ".cjs": (".cts",)}


@dataclass(frozen=True)
class Exports:
    """What a module exports.

    Attributes:
        values: Names of values.
        types: Names of types alone.
        default: Whether it has a default export.
        default_name: The name that the default has inside the module, or empty.
        hands_on: Modules of its `export *`.
        known: False where the names cannot be told: `export =`, a module that is no TypeScript.
    """

    values: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    default: bool = False
    default_name: str = ""
    hands_on: tuple[str, ...] = ()
    known: bool = True


@dataclass(frozen=True)
class Import:
    """One name that is imported, or handed on from another module.

    Attributes:
        file: Path of the importing file below the tree's root.
        line: Counted from 1.
        statement: Where its statement begins, in characters.
        module: As written: `../../db/client`.
        imported: The name it has there; `default` for a default import; empty where the whole module is meant.
        local: The name it gets here.
        syntax: `default` (`import x from`) or `named` (`import { x }`, `export { x } from`) or `whole`.
    """

    file: str
    line: int
    statement: int
    module: str
    imported: str
    local: str
    syntax: Syntax


@dataclass(frozen=True)
class Wrong:
    """An import that names what is not there.

    Attributes:
        found: The import.
        kind: What is wrong with it.
        target: The imported module's file below the tree's root; empty where there is none.
        cure: The exported name to import instead, `default` among them; empty where none is the only right one.
    """

    found: Import
    kind: Kind
    target: str = ""
    cure: str = ""


@dataclass(frozen=True)
class Sources:
    """A whole source tree, read.

    Attributes:
        names: Every file below the root.
        exports: Of each TypeScript file.
        imports: Of all of them.
    """

    names: frozenset[str]
    exports: Mapping[str, Exports]
    imports: tuple[Import, ...]

    def wrong(self) -> Iterator[Wrong]:
        """Yield every relative import that names what its module does not export."""
        for one in self.imports:
            if one.module.startswith(("./", "../")) or one.module in (".", ".."):
                yield from self._judged(one)

    def _judged(self, one: Import) -> Iterator[Wrong]:
        target = self.resolved(one.file, one.module)
        if target is None:
            yield Wrong(one, "no-such-module")
        elif target:
            yield from self._compared(one, target)

    def _compared(self, one: Import, target: str) -> Iterator[Wrong]:
        exports = self.exported(target)
        if (
            one.syntax == "whole"
            or not self._known(target, one, exports)
            or exports_name(exports, one.imported)
        ):
            return
        if one.imported == "default":
            cure = _named_cure(one, exports)
            yield Wrong(one, "default-of-named" if exports.values else "no-such-export", target, cure)
        else:
            kind: Kind = "named-of-default" if exports.default else "no-such-export"
            yield Wrong(one, kind, target, _default_cure(one, exports))

    def _known(self, target: str, one: Import, exports: Exports) -> bool:
        # `export *` never hands on a default, so that one is known even where the names are not.
        own = self.exports.get(target, Exports(known=False))
        return own.known if one.imported == "default" else exports.known

    def resolved(self, file: str, module: str) -> str | None:
        """Return the file that a relative import means; None where there is none, empty where it lies outside."""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(file), module))
        if path == ".." or path.startswith("../"):
            return ""
        return next((candidate for candidate in candidates(path) if candidate in self.names), None)

    def exported(self, file: str, seen: frozenset[str] = frozenset()) -> Exports:
        """Return what a file exports, with what it hands on by `export *`."""
        own = self.exports.get(file, Exports(known=False))
        values, types, known = set(own.values), set(own.types), own.known
        for module in own.hands_on:
            target = self.resolved(file, module) if module.startswith(".") else ""
            if target and target not in seen:
                inner = self.exported(target, seen | {file})
                values, types, known = values | inner.values, types | inner.types, known and inner.known
            known = known and bool(target)
        return Exports(frozenset(values), frozenset(types), own.default, own.default_name, (), known)


def exports_name(exports: Exports, name: str) -> bool:
    """Tell whether a name, `default` among them, is exported."""
    return exports.default if name == "default" else name in exports.values | exports.types


def _named_cure(one: Import, exports: Exports) -> str:
    if one.local in exports.values:
        return one.local
    return next(iter(exports.values)) if len(exports.values) == 1 and exports.known else ""


def _default_cure(one: Import, exports: Exports) -> str:
    meant = exports.default_name == one.imported or not exports.values
    return "default" if exports.default and meant else ""


def candidates(path: str) -> Iterator[str]:
    """Yield the files that a relative import of `path` can mean, in the order in which they are tried."""
    stem, extension = posixpath.splitext(path)
    yield from (stem + other for other in WRITTEN_FOR.get(extension, ()))
    yield path
    yield from (path + other for other in EXTENSIONS)
    yield from (posixpath.normpath(posixpath.join(path, f"index{other}")) for other in EXTENSIONS)
