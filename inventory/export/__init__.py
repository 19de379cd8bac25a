"""Copies the history into a folder or a bucket, as Parquet files or Delta tables.

`run` exports; `tables` says what goes out, `batches` reads it, `part_files` writes it, `parquet`
and `delta` make it visible to readers. It never changes a row of the history, and never deletes a
file that it has not written. The README beside this file is for users.
"""
