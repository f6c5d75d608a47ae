"""The sockets of the command."""

import os
import socket

BACKLOG = 1024  # connections waiting to be accepted
OWN_FILES = 256


def bind(host: str, port: int, reuse_port: bool = False) -> socket.socket:
    """A bound socket; connections to it are refused until it listens.

    Args:
        host, port: the address; port 0 takes a free one.
        reuse_port: whether other sockets with this option may listen on it; Linux divides the
            connections among them.

    Raises:
        ValueError: the address cannot be used.
    """
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        if os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise cannot_listen(host, port, error) from error
    # asyncio sets it only for its own sockets; without it every response takes 40 ms.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bound


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        ValueError: the address cannot be used.
    """
    listener = bind(host, port)
    listener.listen(BACKLOG)
    return listener


def cannot_listen(host: str, port: int, error: OSError) -> ValueError:
    """The error for an address that cannot be used."""
    return ValueError(f"cannot listen on {host}:{port}: {error.strerror or error}")


def address(listener: socket.socket) -> str:
    """The start of the URLs that lead to a socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def allow_open_files(connections: int) -> None:
    """Raise the process's limit of open files to the need of `connections`.

    Raises:
        ValueError: the system does not allow that.
    """
    if os.name != "posix":
        return
    import resource

    # asyncio accepts a whole backlog before the server can close anything.
    needed = connections + BACKLOG + OWN_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise ValueError(
            f"--max-connections {connections} needs {needed} open files, and this process may have "
            f"{hard}: raise ulimit -Hn"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
