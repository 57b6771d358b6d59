"""Report: one self-contained page that says what a space is and how good it is."""

from isthmus.report.compose import report_on
from isthmus.report.diagnosis import write_diagnosis
from isthmus.report.diagnosis_words import findings
from isthmus.report.flatten import map_points
from isthmus.report.gather import examples, text_queries
from isthmus.report.model import Hit, MapPoints, QueryExample, Report
from isthmus.report.page import write_report

__all__ = [
    "Hit",
    "MapPoints",
    "QueryExample",
    "Report",
    "examples",
    "findings",
    "map_points",
    "report_on",
    "text_queries",
    "write_diagnosis",
    "write_report",
]
