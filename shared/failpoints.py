"""Named places where a test may have the process killed, between every two steps that matter.

`FACTEUR_FAILPOINT=issue.after_number` kills the process with SIGKILL the first time it gets there;
`issue.after_number:3` the third time. Unset (production), a failpoint costs one dictionary lookup.
"""

import os
import signal

_armed: dict[str, int] = {}


def _arm(spec: str) -> dict[str, int]:
    armed = {}
    for part in filter(None, spec.split(",")):
        name, _, nth = part.partition(":")
        armed[name] = int(nth or 1)
    return armed


_armed.update(_arm(os.environ.get("FACTEUR_FAILPOINT", "")))


def failpoint(name: str) -> None:
    """Kill this process with SIGKILL if the environment named this place and its turn has come."""
    if name not in _armed:
        return
    _armed[name] -= 1
    if _armed[name] <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
