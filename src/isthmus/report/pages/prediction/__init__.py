"""The report of a predictor, and the account of one answer."""
