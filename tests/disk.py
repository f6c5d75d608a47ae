"""A full disk, as a process sees it."""

import resource
from contextlib import contextmanager


@contextmanager
def file_size_limit(size: int):
    """Within, no file grows beyond `size` bytes: the system says "File too large", in C++ too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
