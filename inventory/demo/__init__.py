"""Owns the simulated account, a fake API that serves it, and the tour of `inventory demo`.

It never contacts any address but localhost.
"""
