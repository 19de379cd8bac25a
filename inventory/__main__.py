"""The console script, and `python -m inventory`."""

import gc


def run() -> None:
    """Run the command line as a process of its own.

    What is imported stays to the end. To look through it for garbage again and again while it
    grows, and once more at the end, took a third of a short command's time. And what a run makes
    goes without: only a request that failed is held by itself, and the client sees to that.
    """
    gc.disable()  # before anything is imported
    from inventory.cli import main

    try:
        main()
    finally:
        gc.freeze()


if __name__ == "__main__":
    run()
