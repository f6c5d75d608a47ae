"""The error responses of the server."""

# TensorFlow Serving's table (model_servers/http_server.cc), and three codes that gRPC lacks.
HTTP_STATUS = {
    "OK": 200,
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
    "REQUEST_TIMEOUT": 408,
    "PAYLOAD_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
}


class ServingError(Exception):
    """A request that gets an error as its response.

    Args:
        code: a key of `HTTP_STATUS`; other codes of TensorFlow count as INTERNAL.
        message: what is wrong, in one line that names the field, for the client.
    """

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code if code in HTTP_STATUS else "INTERNAL"

    @property
    def status(self) -> int:
        """The HTTP status."""
        return HTTP_STATUS[self.code]

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the response."""
        return {"Retry-After": "1"} if self.code == "UNAVAILABLE" else {}


def invalid(message: str) -> ServingError:
    """The error for an invalid request (400)."""
    return ServingError("INVALID_ARGUMENT", message)


def first_line(message: str) -> str:
    """The first line of an error, without the nodes and files that TensorFlow adds."""
    return message.removeprefix("Graph execution error:").strip().partition("\n")[0]


def clean(name: str) -> str:
    """A name from a request, shortened and in valid UTF-8, for a message."""
    return name[:200].encode(errors="backslashreplace").decode()
