"""A model through torch's compiler, and without it from the moment that fails.

What comes out differs from the plain model by rounding alone. Compiling takes a minute or more of one processor thread
and starts the system's own compiler; a batch of one sequence is compiled apart from all others, which share one result.
"""

import logging
import shutil
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Final

import torch

from sparewatt.errors import UnavailableError

_REASON_CHARACTERS_MOST: Final = 160
# What torch starts for code of the processor. Triton, which makes a card's, builds its launchers with any of the
# others; for Windows it brings one along.
_HOST_COMPILERS: Final = {"linux": "g++", "darwin": "clang++", "win32": "cl"}
_LAUNCHER_COMPILERS: Final = ("gcc", "clang", "cc")

# What `torch.compile` takes: the name of one, or a function of a graph and its inputs.
Backend = str | Callable[..., Any]

log = logging.getLogger("sparewatt.worker")


class CompiledModel:
    """Gives the model to call for a micro-batch: the compiled one until that fails once, then the plain one.

    Both have the same parameters. Nothing is compiled before the first call.

    Attributes:
        refusal: why nothing is compiled, or not any more; None while it is. ``compile.no_compiler``,
            ``compile.failed``.
    """

    def __init__(self, module: torch.nn.Module, kind: str, backend: Backend = "inductor") -> None:
        self._plain = module
        self._compiled: Callable[..., Any] | None = None
        self.refusal: UnavailableError | None = None
        missing = missing_program(kind) if backend == "inductor" else None
        if missing is not None:
            self.refusal = UnavailableError("compile.no_compiler", program=missing)
            return
        try:
            self._compiled = torch.compile(module, backend=backend)
        except (RuntimeError, ImportError, OSError) as error:
            # torch refuses a Python that is newer than itself here.
            self._give_up(error)

    @property
    def active(self) -> bool:
        """Whether the next pass goes through what was compiled."""
        return self._compiled is not None

    def model(self, sequences: torch.Tensor) -> Callable[..., Any]:
        """The model to call with `sequences` (int64, n x L)."""
        if self._compiled is None:
            return self._plain
        from torch._dynamo import maybe_mark_dynamic

        # Otherwise each size of a micro-batch would be compiled anew.
        maybe_mark_dynamic(sequences, 0)
        return self._compiled

    def gave_up(self, error: Exception) -> bool:
        """Whether a pass that failed is to be made again without the compiler; its own faults then show once more."""
        if self._compiled is None:
            return False
        self._give_up(error)
        return True

    def _give_up(self, error: Exception) -> None:
        log.warning("the model trains uncompiled", exc_info=error)
        self._compiled = None
        self.refusal = UnavailableError("compile.failed", reason=reason_of(error))


def missing_program(kind: str) -> str | None:
    """What compiling for a device of `kind` needs and this computer lacks; None where nothing is known to be."""
    if kind == "cpu":
        compiler = _HOST_COMPILERS.get(sys.platform)
        return compiler if compiler is not None and shutil.which(compiler) is None else None
    if kind not in ("cuda", "xpu"):
        return None
    if find_spec("triton") is None:
        return "triton"
    bare = sys.platform != "win32" and not any(shutil.which(name) for name in _LAUNCHER_COMPILERS)
    return _LAUNCHER_COMPILERS[0] if bare else None


def reason_of(error: Exception) -> str:
    """The line of an error that says most: torch names the backend first and what went wrong with it after."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = next((line for line in lines if not line.endswith(":")), type(error).__name__)
    return said[:_REASON_CHARACTERS_MOST]
