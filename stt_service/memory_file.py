"""Files in memory with a descriptor, for libraries that read and write files.

libsndfile reads a Python object by calling back into Python, and the calls need memory that is
both written and executed. A service that is shut in (``MemoryDenyWriteExecute``) gets none. With
a descriptor there are no such calls, and still nothing of the sound touches the disk.
"""

from __future__ import annotations

import os
from typing import BinaryIO


def memory_file(content: bytes = b"") -> BinaryIO:
    """Return a file that holds ``content``, at its beginning, and goes when it is closed.

    Its descriptor reads from there, too. Raises :exc:`OSError` when there is no memory.
    """
    opened = os.fdopen(os.memfd_create("stt-service", os.MFD_CLOEXEC), "w+b")
    try:
        opened.write(content)
        opened.seek(0)  # which also writes out what is buffered
    except OSError:
        opened.close()
        raise
    return opened
