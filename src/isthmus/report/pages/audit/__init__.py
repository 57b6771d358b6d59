"""The diagnosis of a data set."""
