"""Who this user is to Windows."""

import ctypes
import sys
from typing import Final

from sparewatt.errors import UnavailableError

assert sys.platform == "win32"

_TOKEN_QUERY: Final = 0x0008
_TOKEN_USER: Final = 1  # TOKEN_INFORMATION_CLASS.TokenUser
_SID_BYTES_MOST: Final = 256


def user_identifier() -> str:
    """The user's security identifier, such as ``S-1-5-21-…-1001``, by which the engine names its pipe.

    Raises:
        UnavailableError: ``control.platform`` when Windows does not tell.
    """
    from ctypes import wintypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    security = ctypes.WinDLL("advapi32", use_last_error=True)
    kernel.GetCurrentProcess.restype = wintypes.HANDLE
    kernel.CloseHandle.argtypes = [wintypes.HANDLE]
    kernel.LocalFree.argtypes = [wintypes.HLOCAL]
    security.OpenProcessToken.argtypes = [wintypes.HANDLE, wintypes.DWORD, ctypes.POINTER(wintypes.HANDLE)]
    security.GetTokenInformation.argtypes = [
        wintypes.HANDLE, ctypes.c_int, wintypes.LPVOID, wintypes.DWORD, ctypes.POINTER(wintypes.DWORD),
    ]  # fmt: skip
    security.ConvertSidToStringSidW.argtypes = [wintypes.LPVOID, ctypes.POINTER(wintypes.LPWSTR)]
    token = wintypes.HANDLE()
    if not security.OpenProcessToken(kernel.GetCurrentProcess(), _TOKEN_QUERY, ctypes.byref(token)):
        raise UnavailableError("control.platform")
    try:
        # TOKEN_USER begins with SID_AND_ATTRIBUTES, whose first field points at the SID further behind.
        answer = ctypes.create_string_buffer(_SID_BYTES_MOST)
        size = wintypes.DWORD()
        if not security.GetTokenInformation(token, _TOKEN_USER, answer, len(answer), ctypes.byref(size)):
            raise UnavailableError("control.platform")
        identifier = wintypes.LPWSTR()
        sid = ctypes.c_void_p.from_buffer(answer).value
        if not security.ConvertSidToStringSidW(sid, ctypes.byref(identifier)):
            raise UnavailableError("control.platform")
        try:
            return str(identifier.value)
        finally:
            kernel.LocalFree(identifier)
    finally:
        kernel.CloseHandle(token)
