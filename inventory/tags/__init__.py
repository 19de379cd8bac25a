"""Owns the tags that people set with `inventory tag`: it never reads the API, and no run calls it.

`store` reads and writes the table; `csv_file` reads the files of `inventory tag import`. What the
values of known tags mean is in `inventory.known_tags`.
"""
