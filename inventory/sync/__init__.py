"""One run: lock, walk, look up, stage, merge, judge, record. Never speaks HTTP, never prints."""
