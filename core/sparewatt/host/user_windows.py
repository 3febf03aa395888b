"""Whose a process is, in the words of Windows: the security identifier in its token.

Calls: OpenProcess, OpenProcessToken, GetTokenInformation(TokenUser), ConvertSidToStringSidW.
"""

import ctypes
import sys
from ctypes import wintypes
from typing import Final

assert sys.platform == "win32"

_PROCESS_QUERY_LIMITED_INFORMATION: Final = 0x1000
_TOKEN_QUERY: Final = 0x0008
_TOKEN_USER: Final = 1

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_advapi32 = ctypes.WinDLL("advapi32", use_last_error=True)

_kernel32.OpenProcess.argtypes = [wintypes.DWORD, wintypes.BOOL, wintypes.DWORD]
_kernel32.OpenProcess.restype = wintypes.HANDLE
_kernel32.CloseHandle.argtypes = [wintypes.HANDLE]
_kernel32.CloseHandle.restype = wintypes.BOOL
_kernel32.LocalFree.argtypes = [wintypes.HLOCAL]
_kernel32.LocalFree.restype = wintypes.HLOCAL
_advapi32.OpenProcessToken.argtypes = [wintypes.HANDLE, wintypes.DWORD, ctypes.POINTER(wintypes.HANDLE)]
_advapi32.OpenProcessToken.restype = wintypes.BOOL
_advapi32.GetTokenInformation.argtypes = [
    wintypes.HANDLE,
    ctypes.c_int,
    wintypes.LPVOID,
    wintypes.DWORD,
    ctypes.POINTER(wintypes.DWORD),
]
_advapi32.GetTokenInformation.restype = wintypes.BOOL
_advapi32.ConvertSidToStringSidW.argtypes = [wintypes.LPVOID, ctypes.POINTER(wintypes.LPVOID)]
_advapi32.ConvertSidToStringSidW.restype = wintypes.BOOL


class _TokenUser(ctypes.Structure):
    # TOKEN_USER is one SID_AND_ATTRIBUTES; the identifier itself lies behind it in the same buffer.
    _fields_ = (("sid", wintypes.LPVOID), ("attributes", wintypes.DWORD))


def process_user(process: int) -> str:
    """Security identifier of the user whose process has this number.

    Raises:
        OSError: the process is gone, or is not this user's to ask about.
    """
    handle = _kernel32.OpenProcess(_PROCESS_QUERY_LIMITED_INFORMATION, False, process)
    if not handle:
        raise ctypes.WinError(ctypes.get_last_error())
    try:
        token = wintypes.HANDLE()
        if not _advapi32.OpenProcessToken(handle, _TOKEN_QUERY, ctypes.byref(token)):
            raise ctypes.WinError(ctypes.get_last_error())
        try:
            return _token_user(token)
        finally:
            _kernel32.CloseHandle(token)
    finally:
        _kernel32.CloseHandle(handle)


def _token_user(token: wintypes.HANDLE) -> str:
    size = wintypes.DWORD()
    # The first call only tells the size, and fails as it does so.
    _advapi32.GetTokenInformation(token, _TOKEN_USER, None, 0, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(max(size.value, ctypes.sizeof(_TokenUser)))
    if not _advapi32.GetTokenInformation(token, _TOKEN_USER, buffer, len(buffer), ctypes.byref(size)):
        raise ctypes.WinError(ctypes.get_last_error())
    text = wintypes.LPVOID()
    if not _advapi32.ConvertSidToStringSidW(_TokenUser.from_buffer(buffer).sid, ctypes.byref(text)):
        raise ctypes.WinError(ctypes.get_last_error())
    try:
        return ctypes.wstring_at(text.value or 0)
    finally:
        _kernel32.LocalFree(text)
