"""What a database's catalog says of its tables, as the gate needs it; and what a script's own statements make of that.

It asks nothing: `remediate.providers.live_tables` has the questions.
"""

from dataclasses import dataclass, field, replace

from remediate.providers.catalog import Column


@dataclass(frozen=True)
class Index:
    """An index as it is.

    Attributes:
        name: Its name.
        table: Of which table.
        definition: As `pg_get_indexdef` prints it.
        valid: Whether it is valid; a broken concurrent build leaves one that is not.
    """

    name: str
    table: str
    definition: str
    valid: bool = True


@dataclass(frozen=True)
class KnownTable:
    """A table as it is, or as an earlier statement of the script has made it.

    Attributes:
        name: Its name.
        columns: Under their names.
        primary_key: The names of its columns.
        bytes: Of its rows, without indexes; None where that is not known.
        rows: Estimated; None where nobody counted yet.
        checks: The conditions of its valid CHECK constraints, as `pg_get_constraintdef` prints them.
        made: The constraints that the script itself adds, under their names: a CHECK's condition, else nothing.
        own: Whether the script itself made it: nobody else knows it.
    """

    name: str
    columns: dict[str, Column] = field(default_factory=dict)
    primary_key: tuple[str, ...] = ()
    bytes: int | None = None
    rows: int | None = None
    checks: tuple[str, ...] = ()
    made: dict[str, str] = field(default_factory=dict)
    own: bool = False

    @property
    def size(self) -> str:
        """Its live size in words."""
        if self.bytes is None:
            return "live size not known"
        rows = "" if self.rows is None else f", about {self.rows} rows"
        return f"{self.bytes / 1e6:.1f} MB{rows}"


@dataclass(frozen=True)
class Known:
    """What is known of a database.

    Attributes:
        looked: Whether there was a catalog at all.
        schema: The app's schema; empty where there was none.
        tables: Of the app's schema, under their names.
        indexes: The same.
        functions: The names of VOLATILE functions that came neither with PostgreSQL nor with an extension.
    """

    looked: bool = False
    schema: str = ""
    tables: dict[str, KnownTable] = field(default_factory=dict)
    indexes: dict[str, Index] = field(default_factory=dict)
    functions: frozenset[str] = frozenset()

    def of_another_schema(self) -> "Known":
        """Return what is known of a schema that was not asked about: nothing, whatever its tables are called."""
        return Known(looked=self.looked, schema=self.schema, functions=self.functions)

    def table(self, name: str) -> KnownTable:
        """Return a table, one of which nothing is known where it is not there."""
        return self.tables.get(name) or KnownTable(name)

    def with_table(self, table: KnownTable) -> "Known":
        """Return the same with a table in place of the one of its name."""
        return replace(self, tables={**self.tables, table.name: table})

    def without_table(self, name: str) -> "Known":
        """Return the same without a table and its indexes."""
        tables = {key: table for key, table in self.tables.items() if key != name}
        indexes = {key: index for key, index in self.indexes.items() if index.table != name}
        return replace(self, tables=tables, indexes=indexes)

    def with_index(self, index: Index) -> "Known":
        """Return the same with one index more."""
        return replace(self, indexes={**self.indexes, index.name: index})

    def without_index(self, name: str) -> "Known":
        """Return the same without an index."""
        return replace(self, indexes={key: index for key, index in self.indexes.items() if key != name})


NOTHING = Known()
"""No catalog was looked at."""
