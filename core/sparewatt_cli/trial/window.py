"""The desktop's window over a trial's first engine, where there is a display for it."""

import asyncio
import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

END_SECONDS: Final = 5.0


def can_show(environment: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Whether a window would be seen: the desktop is installed, and this session has a screen."""
    if importlib.util.find_spec("PySide6") is None or importlib.util.find_spec("sparewatt_desktop") is None:
        return False
    return has_display(environment, platform)


def has_display(environment: Mapping[str, str], platform: str) -> bool:
    """Whether this session has a screen: on Linux by what display servers set, elsewhere unless it came over SSH."""
    if platform in ("win32", "darwin"):
        return "SSH_CONNECTION" not in environment
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


class TrialWindow:
    """The window for as long as the context lasts. A person may close it earlier, and the trial goes on.

    Args:
        folder: the engine's data folder.
        log: where goes what the window has to say.
    """

    def __init__(self, folder: Path, log: Path) -> None:
        self._folder, self._log = folder, log
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        command = ("-P", "-m", "sparewatt_desktop", "--no-engine", "--parent-pipe", "--data-folder", str(self._folder))
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as opened:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=opened,
                stderr=opened,
                start_new_session=sys.platform != "win32",
                creationflags=_own_group(),
            )  # fmt: skip
        return self

    @property
    def open(self) -> bool:
        """Whether the window's program runs."""
        return self._process is not None and self._process.returncode is None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        assert process is not None, "the context was entered"
        assert process.stdin is not None, "it was started with a pipe"
        process.stdin.close()
        try:
            async with asyncio.timeout(END_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _own_group() -> int:
    if sys.platform == "win32":
        return subprocess.CREATE_NEW_PROCESS_GROUP
    return 0
