"""One question in Kafka's own protocol: does a broker process requests yet?"""

import socket
import struct

_API_VERSIONS = 18


def api_versions_answered(port: int, host: str = "127.0.0.1", timeout: float = 1.0) -> bool:
    """Whether a broker answers ApiVersions there (Kafka binds its port long before it does).

    `timeout` in seconds. Never raises.
    """
    client = b"ready?"
    body = struct.pack(">hhih", _API_VERSIONS, 0, 1, len(client)) + client
    try:
        with socket.create_connection((host, port), timeout=timeout) as line:
            line.sendall(struct.pack(">i", len(body)) + body)
            answer = line.recv(10)
    except OSError:
        return False
    # size, correlation id, error code
    return len(answer) == 10 and struct.unpack(">iih", answer)[1:] == (1, 0)
