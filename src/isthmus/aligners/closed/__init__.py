"""Aligners in closed form."""
