"""The state of the inventory as metrics for Prometheus. It reads the database and never writes it.

`families` turns rows into metrics, `exposition` writes them as text.
"""
