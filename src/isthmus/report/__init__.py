"""Report: one self-contained page that says what a space is and how good it is."""

from isthmus.report.pages.audit.page import write_diagnosis
from isthmus.report.pages.audit.words import findings
from isthmus.report.pages.classification.page import write_classification
from isthmus.report.pages.prediction.account import write_account
from isthmus.report.pages.prediction.page import prediction_page, write_prediction
from isthmus.report.pages.sheet.page import write_sheet
from isthmus.report.pages.space.compose import report_on
from isthmus.report.pages.space.flatten import map_points
from isthmus.report.pages.space.gather import examples, text_queries
from isthmus.report.pages.space.model import MapPoints, QueryExample, Report, ShownItem
from isthmus.report.pages.space.page import render, write_report

__all__ = [
    "MapPoints",
    "QueryExample",
    "Report",
    "ShownItem",
    "examples",
    "findings",
    "map_points",
    "prediction_page",
    "render",
    "report_on",
    "text_queries",
    "write_account",
    "write_classification",
    "write_diagnosis",
    "write_prediction",
    "write_report",
    "write_sheet",
]
