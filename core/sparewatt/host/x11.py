"""A connection to an X display through the system's own libX11.

libX11 ends the whole process on a protocol error or when the server goes away, unless it is told otherwise.
"""

import ctypes
import ctypes.util
from functools import cache
from typing import Any, Final

from sparewatt.host.unknown import Unknown

_ERROR_HANDLER: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_EXIT_HANDLER: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
_ANY_PROPERTY_TYPE: Final = 0
_WORDS_MOST: Final = 1024


@cache
def load_library(name: str, usual: str) -> Any:
    """A C library by its usual file name, else by the linker's search; None where it is not installed."""
    for candidate in (usual, ctypes.util.find_library(name)):
        if candidate is None:
            continue
        try:
            return ctypes.CDLL(candidate)
        except OSError:  # not installed, or not for this processor
            continue
    return None


class X11Display:
    """One display, by name such as ``:0``. Not safe for several threads at once."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._display: int | None = None
        self._library: Any = None
        self._atoms: dict[str, int] = {}
        self.lost = False
        # libX11 keeps the addresses of these, so they have to live as long as this process uses it.
        self._on_error = _ERROR_HANDLER(lambda _display, _event: 0)
        self._on_io_error = _ERROR_HANDLER(self._server_gone)
        self._on_exit = _EXIT_HANDLER(lambda _display, _data: None)

    def open(self) -> int | Unknown:
        """The display's handle."""
        if self._display is not None:
            return self._display
        if not self._name:
            return Unknown("no_display")
        library = load_library("X11", "libX11.so.6")
        if library is None:
            return Unknown("no_x11_library")
        library.XOpenDisplay.restype = ctypes.c_void_p
        library.XOpenDisplay.argtypes = (ctypes.c_char_p,)
        library.XDefaultRootWindow.restype = ctypes.c_ulong
        library.XDefaultRootWindow.argtypes = (ctypes.c_void_p,)
        library.XInternAtom.restype = ctypes.c_ulong
        library.XInternAtom.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)
        library.XFree.argtypes = (ctypes.c_void_p,)
        library.XSetErrorHandler(self._on_error)
        library.XSetIOErrorHandler(self._on_io_error)
        display = library.XOpenDisplay(self._name.encode())
        if not display:
            return Unknown("no_display")
        if hasattr(library, "XSetIOErrorExitHandler"):  # since libX11 1.7
            library.XSetIOErrorExitHandler.argtypes = (ctypes.c_void_p, _EXIT_HANDLER, ctypes.c_void_p)
            library.XSetIOErrorExitHandler(display, self._on_exit, None)
        self._library, self._display, self.lost = library, display, False
        return int(display)

    def root(self) -> int:
        return int(self._library.XDefaultRootWindow(self._display))

    def words(self, window: int, name: str) -> tuple[int, ...]:
        """A property of a window that is a list of 32-bit values; empty where it has none."""
        library = self._library
        kind, form = ctypes.c_ulong(), ctypes.c_int()
        count, left = ctypes.c_ulong(), ctypes.c_ulong()
        data = ctypes.POINTER(ctypes.c_ulong)()
        status = library.XGetWindowProperty(
            ctypes.c_void_p(self._display), ctypes.c_ulong(window), ctypes.c_ulong(self.atom(name)),
            ctypes.c_long(0), ctypes.c_long(_WORDS_MOST), ctypes.c_int(0), ctypes.c_ulong(_ANY_PROPERTY_TYPE),
            ctypes.byref(kind), ctypes.byref(form), ctypes.byref(count), ctypes.byref(left), ctypes.byref(data),
        )  # fmt: skip
        if status != 0 or not data or self.lost:
            return ()
        try:
            # Xlib hands out 32-bit values as C longs.
            return tuple(data[: count.value]) if form.value == 32 else ()
        finally:
            library.XFree(data)

    def atom(self, name: str) -> int:
        if name not in self._atoms:
            self._atoms[name] = int(self._library.XInternAtom(self._display, name.encode(), 0))
        return self._atoms[name]

    def close(self) -> None:
        """Let go of the display; the next `open` connects again."""
        display, self._display = self._display, None
        self._atoms.clear()
        if display is not None and not self.lost:  # a lost connection was closed by libX11
            self._library.XCloseDisplay(ctypes.c_void_p(display))

    def _server_gone(self, _display: object, _event: object) -> int:
        self.lost = True
        return 0
