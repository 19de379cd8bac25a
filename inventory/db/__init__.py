"""Owns the database: connections, dialects, schema revisions, views, locks, grants and retention.

It never talks to the API and never decides what a run writes; that is `sync`.
"""
