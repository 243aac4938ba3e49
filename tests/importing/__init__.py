"""Dumps of real servers' tables, and what is made of them."""
