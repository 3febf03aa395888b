"""Anonymous memory that one process owns and its children share.

Not `multiprocessing.shared_memory`: up to Python 3.12 its resource tracker destroys the segment when any process that
opened it exits, and a worker must be able to die at any instant.
"""

import contextlib
import mmap
import os
import secrets
import sys
import tempfile
from typing import Self

from sparewatt.errors import InputError, StorageError


class Area:
    """A mapped block of zeroed memory; made by `create`, joined in a child by `open_area`.

    Attributes:
        handle: text that `open_area` understands in a child which inherited `descriptors`.
        descriptors: to be passed as ``pass_fds``; empty where the system names memory instead.
        size: in bytes.
    """

    def __init__(self, mapped: mmap.mmap, handle: str, descriptors: tuple[int, ...], size: int) -> None:
        self._mapped = mapped
        self.handle = handle
        self.descriptors = descriptors
        self.size = size

    @property
    def view(self) -> memoryview:
        """The bytes, writable. Every view must be released before `close`."""
        return memoryview(self._mapped)

    def close(self) -> None:
        """Unmap; the memory is gone when the last process has closed it.

        While views of it are alive, only the descriptor is closed, and the memory goes with the last view.
        """
        with contextlib.suppress(BufferError):
            self._mapped.close()
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def create(size: int) -> Area:
    """A new area of `size` zero bytes; memory is taken as it is first written.

    Raises:
        InputError: ``area.size``.
        StorageError: ``area.create`` when the system gives no such memory.
    """
    if size < 1:
        raise InputError("area.size", size=size)
    try:
        return _create(size)
    except OSError as error:
        raise StorageError("area.create", size=size, number=error.errno or 0) from error


def open_area(handle: str) -> Area:
    """Join an area by its `handle` in a child process.

    Raises:
        InputError: ``area.handle`` when the handle is malformed or names nothing that was inherited.
    """
    kind, _, rest = handle.partition(":")
    name, _, size_text = rest.partition(":")
    try:
        size = int(size_text)
        if kind == "named" and sys.platform == "win32":
            return Area(_map_named(name, size), handle, (), size)
        if kind == "descriptor" and sys.platform != "win32":
            descriptor = int(name)
            if os.fstat(descriptor).st_size != size:
                raise InputError("area.handle", handle=handle)
            return Area(mmap.mmap(descriptor, size), handle, (descriptor,), size)
    except (OSError, ValueError) as error:
        raise InputError("area.handle", handle=handle) from error
    raise InputError("area.handle", handle=handle)


if sys.platform == "win32":

    def _create(size: int) -> Area:
        # Local to the person's session; nobody can open beforehand what 128 random bits name.
        name = f"Local\\sparewatt-{secrets.token_hex(16)}"
        return Area(_map_named(name, size), f"named:{name}:{size}", (), size)

    def _map_named(name: str, size: int) -> mmap.mmap:
        return mmap.mmap(-1, size, tagname=name)  # pyright: ignore[reportCallIssue]

else:

    def _create(size: int) -> Area:
        descriptor = _unnamed_file()
        try:
            os.ftruncate(descriptor, size)
            if sys.platform == "linux":
                _seal(descriptor)
            mapped = mmap.mmap(descriptor, size)
        except OSError:
            os.close(descriptor)
            raise
        return Area(mapped, f"descriptor:{descriptor}:{size}", (descriptor,), size)

    def _unnamed_file() -> int:
        if sys.platform == "linux":
            return os.memfd_create("sparewatt", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        # A file without a name: gone with its last descriptor, whatever happens to the process.
        descriptor, path = tempfile.mkstemp(prefix="sparewatt-")
        os.unlink(path)  # noqa: PTH108 (the path is text from mkstemp)
        return descriptor

    if sys.platform == "linux":

        def _seal(descriptor: int) -> None:
            import fcntl

            # A worker that could shrink the file would end the engine by a bus error.
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
