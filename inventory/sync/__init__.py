"""One run: lock, walk, look up, stage, merge, judge, record.

Sends no requests itself, never prints.
"""
