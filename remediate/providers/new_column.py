"""A column that is to be added: what it is called, takes and begins with, in a closed grammar. It adds none."""

from pydantic import BaseModel, ConfigDict

from remediate.providers.catalog import Column
from remediate.providers.column_types import default_sql, postgres_type, shown_default
from remediate.sql import identifier


class NewColumn(BaseModel):
    """A column to add, as `found.….missing` of `prisma.columns` has it.

    Attributes:
        name: Its name.
        type: `TEXT`, `TIMESTAMP(3)`, `"Role"`, `INTEGER[]`, …; no free text.
        nullable: Whether it takes NULL.
        default: `0`, `'uploaded'`, `CURRENT_TIMESTAMP`, …; no free text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    name: str
    type: str
    nullable: bool = True
    default: str | None = None

    @property
    def ddl(self) -> str:
        """Its definition; only of what `unwritable` found nothing wrong with."""
        default = f" DEFAULT {default_sql(self.default)}" if self.default else ""
        return f"{identifier(self.name)} {self.type}{'' if self.nullable else ' NOT NULL'}{default}"

    @property
    def needs_empty_table(self) -> bool:
        """Whether rows that are there would have no value for it."""
        return not self.nullable and self.default is None

    def unwritable(self) -> str:
        """Return why this action does not write such a column, or nothing."""
        if postgres_type(self.type) is None:
            return f"the type {self.type} is not one that this action writes"
        if self.default is not None and default_sql(self.default) is None:
            return f"the default {self.default} is not one that this action writes"
        return ""

    def as_written(self) -> Column:
        """Return it with type and default as they were written."""
        return Column(name=self.name, type=self.type, nullable=self.nullable, default=self.default)

    def as_it_will_be(self) -> Column:
        """Return it as the catalog will show it."""
        spelled = postgres_type(self.type) or self.type
        default = shown_default(default_sql(self.default), spelled) if self.default else None
        return Column(name=self.name, type=spelled, nullable=self.nullable, default=default)
