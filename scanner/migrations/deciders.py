"""Triggers by which no appeal is decided by who decided before, nor by nobody (DSA-20)."""

from typing import Final

PRIOR: Final = "who decided before decides no appeal (DSA-20)"
NOBODY: Final = "an appeal is decided by a person (DSA-20)"
_IS_PRIOR: Final = (
    "EXISTS (SELECT 1 FROM prior_decider WHERE prior_decider.appeal_id = NEW.appeal_id "
    "AND prior_decider.decider_id = NEW.decider_id)"
)
_DECIDED_NOW: Final = (
    "NEW.state IN ('granted', 'partly', 'denied') AND NEW.state <> OLD.state AND NOT EXISTS "
    "(SELECT 1 FROM appeal_decider WHERE appeal_decider.appeal_id = NEW.id)"
)
_FROZEN: Final = ("prior_decider", "appeal_decider")


def guards(dialect: str) -> list[str]:
    """Return the SQL that makes the guards."""
    return _sqlite() if dialect == "sqlite" else _postgresql()


def without_guards(dialect: str) -> list[str]:
    """Return the SQL that takes back what dropping the tables leaves."""
    if dialect == "sqlite":
        return ["DROP TRIGGER appeal_decided_by_somebody"]
    return [
        "DROP TRIGGER appeal_decided_by_somebody ON appeal",
        "DROP FUNCTION appeal_decided_by_somebody() CASCADE",
        "DROP FUNCTION appeal_decider_not_prior() CASCADE",
        *(f"DROP FUNCTION {table}_stays() CASCADE" for table in _FROZEN),
    ]


def _sqlite() -> list[str]:
    stays = [
        f"CREATE TRIGGER {table}_stays BEFORE UPDATE ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is never changed'); END"
        for table in _FROZEN
    ]
    return [
        *stays,
        "CREATE TRIGGER appeal_decider_not_prior BEFORE INSERT ON appeal_decider "
        f"BEGIN SELECT RAISE(ABORT, '{PRIOR}') WHERE {_IS_PRIOR}; END",
        "CREATE TRIGGER appeal_decided_by_somebody BEFORE UPDATE OF state ON appeal "
        f"BEGIN SELECT RAISE(ABORT, '{NOBODY}') WHERE {_DECIDED_NOW}; END",
    ]


def _postgresql() -> list[str]:
    return [
        *(
            sql
            for table in _FROZEN
            for sql in _function(
                f"{table}_stays", table, "UPDATE", "TRUE", f"{table} is never changed"
            )
        ),
        *_function("appeal_decider_not_prior", "appeal_decider", "INSERT", _IS_PRIOR, PRIOR),
        *_function("appeal_decided_by_somebody", "appeal", "UPDATE OF state", _DECIDED_NOW, NOBODY),
    ]


def _function(name: str, table: str, when: str, against: str, message: str) -> list[str]:
    return [
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {against} THEN RAISE EXCEPTION '{message}'; END IF; RETURN NEW; END $$",
        f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
    ]
