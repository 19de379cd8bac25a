"""A terminal on which commands run, and what a person sees on it."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

import pyte

CTRL_C = "\x03"
TALL = 60  # lines: no list of a test needs a pager


class Terminal:
    """A pseudo-terminal of this size, whose output an emulator draws."""

    def __init__(self, columns: int, lines: int = TALL) -> None:
        self.columns, self.lines = columns, lines
        self.output = b""
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)

    def run(
        self,
        *words: str,
        keys: Sequence[tuple[str, str]] = (),
        **variables: str,
    ) -> list[str]:
        """Run `inventory`, and return what the screen shows at its end, without empty lines below.

        `keys` are typed one after the other, each once the text before it is on the screen. Ctrl-C
        is a signal to the command and its pager, as a shell's terminal sends it.
        """
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", self.lines, self.columns, 0, 0))
        ignored = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "PAGER", "LESS")
        environment = {name: value for name, value in os.environ.items() if name not in ignored}
        job = subprocess.Popen(
            [sys.executable, "-m", "inventory", *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=environment | {"TERM": "xterm-256color", "PYTHONUTF8": "1"} | variables,
        )
        os.close(slave)
        self._draw(master, list(keys), job.pid)
        os.close(master)
        assert job.wait(60) == 0, self.text
        return self.text

    def _draw(self, master: int, keys: list[tuple[str, str]], group: int) -> None:
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # the other side is closed
                return
            if not part:
                return
            self.output += part
            self._stream.feed(part)
            while keys and keys[0][0] in "\n".join(self.text):
                _, typed = keys.pop(0)
                if typed == CTRL_C:
                    os.killpg(group, signal.SIGINT)
                else:
                    os.write(master, typed.encode())

    @property
    def text(self) -> list[str]:
        lines = [line.rstrip() for line in self._screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def colors_of(self, text: str) -> set[str]:
        """Return the colors in which a text is shown, where it is shown first."""
        for row, line in enumerate(self._screen.display):
            if text in line:
                start = line.index(text)
                cells = self._screen.buffer[row]
                return {cells[column].fg for column in range(start, start + len(text))}
        raise AssertionError(f"{text} is not on the screen: {self.text}")


def marking_pager(folder: Path) -> str:
    """Write a pager that shows a line before and after what it is given; return its path."""
    file = folder / "pager"
    file.write_text("#!/bin/sh\necho BEGIN\ncat\necho END\n")
    file.chmod(0o755)
    return str(file)
