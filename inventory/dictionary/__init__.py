"""The data dictionary: what each table, view and column means, and how they join.

`entities` reads it from the models and the headers of the views, never from a database. `formats`
writes it, with a module for each format; `sample_queries` are those of the documentation.
"""
