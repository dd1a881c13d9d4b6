"""The transparency report of a period, computed from the journal (DSA-24/15): events in, tables out."""

from scanner.transparency.report import of_period
from scanner.transparency.tables import as_csv
from scanner.transparency.template import as_zip

__all__ = ["as_csv", "as_zip", "of_period"]
