"""The one visual language of pages and reports."""
