"""Columns of numbers that live in temporary files, for records that are larger than the memory may be."""

import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gateway.domain.errors import OperationFailed

_LARGE_FILES: Final = Path("/var/tmp")  # noqa: S108  on disk where /tmp is memory (file-hierarchy(7)); TemporaryFile is private


class FileColumn:
    """A `gateway.exposure.series.Column` whose pages the system may take back at any time.

    The file has no name and is gone with the column. Raises OperationFailed when the disk is full.
    """

    def __init__(self, kind: type) -> None:
        self._kind = np.dtype(kind)
        folder = _LARGE_FILES if _LARGE_FILES.is_dir() else None
        try:
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  lives as long as the column
        except OSError as error:
            raise _failed(error) from error

    def extend(self, values: npt.NDArray[Any]) -> None:
        """Append these."""
        try:
            self._file.write(np.ascontiguousarray(values, self._kind).data)
        except OSError as error:
            raise _failed(error) from error

    def whole(self) -> npt.NDArray[Any]:
        """All of them."""
        try:
            with self._file as file:  # what is mapped stays when the file is closed
                file.flush()
                return np.asarray(np.memmap(file, self._kind, "r")) if file.tell() else np.empty(0, self._kind)
        except OSError as error:
            raise _failed(error) from error


def _failed(error: OSError) -> OperationFailed:
    return OperationFailed(f"the record cannot be kept in {_LARGE_FILES}: {error.strerror}, expected room for it")
