"""Tells people by apprise what went down and what is well again: the right ones, once.

`decide` chooses what each channel is to be told, from rows and what the channel was told before; it
is pure. `run` is the order: lock, read, decide, send, record. Only `delivery` imports apprise and
reveals a URL. It never changes the inventory: it writes what it has told, nothing else.
"""
