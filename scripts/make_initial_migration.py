"""Write the first migration anew from the tables; only before a release has used it.

Run: python -m scripts.make_initial_migration
"""

import re
import tempfile

from alembic import command

from scanner.database import MIGRATIONS, Database


def main() -> None:
    """Autogenerate revision 0001 against an empty database and add the append-only triggers."""
    versions = MIGRATIONS / "versions"
    for old in versions.glob("0001_*.py"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/empty.db")
        with database.engine.begin() as connection:
            config = database._alembic(connection)
            command.revision(config, "The first schema.", autogenerate=True, rev_id="0001")
        database.close()
    (written,) = versions.glob("0001_*.py")
    source = written.read_text()
    source = re.sub(
        r"from alembic import op\n",
        "from alembic import op\n\nfrom scanner.migrations import append_only\n",
        source,
    )
    source = re.sub(r"sqlmodel\.sql\.sqltypes\.AutoString\(", "sa.String(", source)
    source = re.sub(
        r"(?:scanner\.tables|appeals|policy)\.columns\.UtcDateTime\([^)]*\)",
        "sa.DateTime(timezone=True)",
        source,
    )
    source = re.sub(r"postgresql\.JSONB\(astext_type=(?:sa\.)?Text\(\)\)", "JSONB()", source)
    source = re.sub(r"(?<![\w.])Text\(\)", "sa.Text()", source)
    source = re.sub(r"from sqlalchemy(?:\.dialects)? import (?:postgresql|Text)\n", "", source)
    head, tail = source.split("def downgrade", 1)
    head = head.rstrip() + (
        "\n    dialect = op.get_bind().dialect.name\n"
        "    for table in append_only.TABLES:\n"
        "        for statement in append_only.statements(table, dialect):\n"
        "            op.execute(statement)\n\n\n"
    )
    if "JSONB" in head:
        head = head.replace(
            "from alembic import op\n",
            "from alembic import op\nfrom sqlalchemy.dialects.postgresql import JSONB\n",
            1,
        )
    path = versions / "0001_first_schema.py"
    path.write_text(head + "def downgrade" + tail)
    if written != path:
        written.unlink()
    print(f"wrote {path.name}: look through it, then format it")


if __name__ == "__main__":
    main()
