"""Turns items of the API into rows of the tables. Pure: it runs no SQL and sends no requests."""
