"""The named pipe of Windows: this user's and the system's alone, and a look at who is on the other side.

asyncio's own pipe server makes pipes that anybody who can reach the computer may try to open, so instances are made
here; everything after that is asyncio's: accepting, reading, writing, cancelling.
"""

import asyncio
import ctypes
import logging
import sys
from ctypes import wintypes
from typing import Final, Protocol, cast

from sparewatt.control import pipe
from sparewatt.control.address import Address, PipeAddress
from sparewatt.control.transport import STREAM_BYTES, Accept
from sparewatt.errors import RefusedError, UnavailableError
from sparewatt.host.user import user_identifier

assert sys.platform == "win32"

from asyncio.windows_utils import PipeHandle  # noqa: E402 - there is none elsewhere

from sparewatt.host.user_windows import process_user  # noqa: E402

BUSY_MOST_S: Final = 5.0
_BUSY_STEP_S: Final = 0.02
_NO_INSTANCE_STEP_S: Final = 0.2
_GENERIC_READ_WRITE: Final = 0xC000_0000
_OPEN_EXISTING: Final = 3
_SDDL_REVISION_1: Final = 1
_INVALID_HANDLE: Final = wintypes.HANDLE(-1).value

log = logging.getLogger("sparewatt.control")


class _SecurityAttributes(ctypes.Structure):
    _fields_ = (
        ("length", wintypes.DWORD),
        ("descriptor", wintypes.LPVOID),
        ("inherit", wintypes.BOOL),
    )


_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_advapi32 = ctypes.WinDLL("advapi32", use_last_error=True)
_kernel32.CreateNamedPipeW.argtypes = [
    wintypes.LPCWSTR,
    wintypes.DWORD,
    wintypes.DWORD,
    wintypes.DWORD,
    wintypes.DWORD,
    wintypes.DWORD,
    wintypes.DWORD,
    ctypes.POINTER(_SecurityAttributes),
]
_kernel32.CreateNamedPipeW.restype = wintypes.HANDLE
_kernel32.CreateFileW.argtypes = [
    wintypes.LPCWSTR,
    wintypes.DWORD,
    wintypes.DWORD,
    wintypes.LPVOID,
    wintypes.DWORD,
    wintypes.DWORD,
    wintypes.HANDLE,
]
_kernel32.CreateFileW.restype = wintypes.HANDLE
_kernel32.GetNamedPipeServerProcessId.argtypes = [wintypes.HANDLE, ctypes.POINTER(wintypes.ULONG)]
_kernel32.GetNamedPipeServerProcessId.restype = wintypes.BOOL
_kernel32.LocalFree.argtypes = [wintypes.HLOCAL]
_kernel32.LocalFree.restype = wintypes.HLOCAL
_advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW.argtypes = [
    wintypes.LPCWSTR,
    wintypes.DWORD,
    ctypes.POINTER(wintypes.LPVOID),
    ctypes.POINTER(wintypes.ULONG),
]
_advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW.restype = wintypes.BOOL


class _Proactor(Protocol):
    def accept_pipe(self, pipe: PipeHandle) -> "asyncio.Future[PipeHandle]": ...


class _PipeLoop(Protocol):
    """What `ProactorEventLoop` itself serves and opens pipes with, alike in Python 3.11 to 3.14.

    There is no public way to make a stream of a handle that is read *and* written: `connect_write_pipe` reads from it,
    too, to see its end, and would take bytes from the reader.
    """

    _proactor: _Proactor

    def _make_duplex_pipe_transport(
        self, pipe: PipeHandle, protocol: asyncio.BaseProtocol
    ) -> asyncio.WriteTransport: ...


class PipeListener:
    """Instances of one pipe. There is always one that waits or was just taken, so that the name stays ours."""

    def __init__(self, name: str, user: str, first: PipeHandle) -> None:
        self._name = name
        self._user = user
        self._waiting = first
        self._accepting: asyncio.Task[None] | None = None

    async def serve(self, accept: Accept) -> None:
        self._accepting = asyncio.create_task(self._accept_all(accept), name="pipe")

    def close(self) -> None:
        if self._accepting is not None:
            self._accepting.cancel()
        self._waiting.close()

    async def wait_closed(self) -> None:
        if self._accepting is not None:
            await asyncio.gather(self._accepting, return_exceptions=True)

    async def _accept_all(self, accept: Accept) -> None:
        loop = cast(_PipeLoop, asyncio.get_running_loop())
        while True:
            taken = self._waiting
            try:
                try:
                    await loop._proactor.accept_pipe(taken)  # noqa: SLF001 - see _PipeLoop
                    arrived = True
                except OSError:  # it was gone before it was served
                    arrived = False
                self._waiting = await self._next_instance()
            except BaseException:
                taken.close()
                raise
            if arrived:
                accept(*_streams(taken))
            else:
                taken.close()

    async def _next_instance(self) -> PipeHandle:
        while True:
            try:
                return _make_instance(self._name, self._user, first=False)
            except OSError as error:
                log.warning("no further client can connect for now: %s", error)
                await asyncio.sleep(_NO_INSTANCE_STEP_S)


def listen(address: Address) -> PipeListener:
    """A pipe that only this user and the system can open, and only from this computer.

    Raises:
        ConflictError: ``control.pipe`` when another program has the name.
        StorageError: ``control.socket`` when the pipe cannot be made.
    """
    assert isinstance(address, PipeAddress)
    user = user_identifier()
    try:
        first = _make_instance(address.name, user, first=True)
    except OSError as error:
        raise pipe.listen_failure(error.winerror or 0, address.name, error.strerror or "") from error
    return PipeListener(address.name, user, first)


async def open_connection(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection whose other side is this user's, or the system's.

    Raises:
        UnavailableError: ``engine.not_running``, or ``engine.silent`` when all instances stay taken.
        ConflictError: ``control.pipe`` when the pipe is another user's.
        RefusedError: ``control.peer`` when its server is.
    """
    assert isinstance(address, PipeAddress)
    try:
        async with asyncio.timeout(BUSY_MOST_S):
            handle = await _opened(address.name)
    except TimeoutError as error:
        raise UnavailableError("engine.silent", seconds=round(BUSY_MOST_S)) from error
    try:
        check_server(handle.fileno())
    except BaseException:
        handle.close()
        raise
    return _streams(handle)


def check_server(handle: int) -> None:
    """Believe the server of an opened pipe only if it is this user's process, or the system's.

    Raises:
        RefusedError: ``control.peer``; the user is empty when Windows does not tell whose the server is.
    """
    number = wintypes.ULONG()
    try:
        if not _kernel32.GetNamedPipeServerProcessId(handle, ctypes.byref(number)):
            raise ctypes.WinError(ctypes.get_last_error())
        server = process_user(number.value)
    except OSError as error:
        raise RefusedError("control.peer", user="") from error
    pipe.check_server_user(server, user_identifier())


async def _opened(name: str) -> PipeHandle:
    while True:
        handle = _kernel32.CreateFileW(name, _GENERIC_READ_WRITE, 0, None, _OPEN_EXISTING, pipe.CLIENT_FLAGS, None)
        if handle != _INVALID_HANDLE:
            return PipeHandle(handle)
        code = ctypes.get_last_error()
        if code != pipe.ERROR_PIPE_BUSY:
            raise pipe.connect_failure(code, name) from ctypes.WinError(code)
        await asyncio.sleep(_BUSY_STEP_S)


def _make_instance(name: str, user: str, *, first: bool) -> PipeHandle:
    """Raises OSError with its `winerror`."""
    descriptor = wintypes.LPVOID()
    if not _advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW(
        pipe.security_descriptor(user), _SDDL_REVISION_1, ctypes.byref(descriptor), None
    ):
        raise ctypes.WinError(ctypes.get_last_error())
    try:
        attributes = _SecurityAttributes(ctypes.sizeof(_SecurityAttributes), descriptor, False)
        handle = _kernel32.CreateNamedPipeW(
            name,
            pipe.open_mode(first=first),
            pipe.PIPE_MODE,
            pipe.PIPE_UNLIMITED_INSTANCES,
            STREAM_BYTES,
            STREAM_BYTES,
            0,
            ctypes.byref(attributes),
        )
        code = ctypes.get_last_error()
    finally:
        _kernel32.LocalFree(descriptor)
    if handle == _INVALID_HANDLE:
        raise ctypes.WinError(code)
    return PipeHandle(handle)


def _streams(handle: PipeHandle) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=STREAM_BYTES, loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport = cast(_PipeLoop, loop)._make_duplex_pipe_transport(handle, protocol)  # noqa: SLF001 - see _PipeLoop
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)
