"""The entry point of the `inventory` command and of `python -m inventory`."""

import os

_OBJECTS_BETWEEN_COLLECTIONS = 20_000  # new ones that are still alive; by default 700


def run() -> None:
    """Run the command line as a process of its own.

    The garbage collector runs seldom, and not at the end. At its usual pace it searches all that is
    imported again and again: at 10,000 connectors `sync` without changes took 27 % longer and
    `status` 18 %. This is the only place that sets it.
    """
    try:
        _run()
    except KeyboardInterrupt:
        _end(b"Interrupted.")
    except (ImportError, MemoryError, OSError):  # also where an error was to be reported
        _end(b"This host is out of memory. Free some and run the command again.")


def _run() -> None:
    import gc  # in here, as Ctrl-C may come during any import

    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)  # before anything else is imported
    from inventory import process

    process.set_up()
    code, failed = 0, None
    try:
        from inventory.cli import main

        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except Exception as error:
        from inventory.errors import from_unforeseen

        failed = from_unforeseen(error)
    finally:
        gc.freeze()
    process.leave(process.finish(code, failed))


def _end(message: bytes) -> None:
    try:
        os.write(2, b"Error: " + message + b"\n")
    finally:
        os._exit(1)


if __name__ == "__main__":
    run()
