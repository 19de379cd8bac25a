"""The data dictionary: what each table, view and column means, and how they join.

It is read from the models and the headers of the views, never from a database. `entities` reads it;
each other module writes it in one format.
"""
