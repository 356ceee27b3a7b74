"""Make the environment: `.venv` with exactly what requirements.lock names. Standard library only.

Run by `make`, with whatever Python the machine has, so it must parse on old ones and say so.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
VENV = CHECKOUT / ".venv"
LOCK = CHECKOUT / "requirements.lock"
STAMP = VENV / "facteur-setup"
BIN = VENV / "bin"


def main() -> int:
    """Make or complete `.venv`; nothing happens when its stamp fits. Returns the exit status."""
    began = time.time()
    if sys.version_info < (3, 11):  # noqa: UP036 - the machine's Python may be any
        version = sys.version.split()[0]
        return _give_up(
            f"Facteur needs Python 3.11 or newer, and {sys.executable} is {version}.\n"
            "Install a newer one, then say which: make PYTHON=/path/to/python3.12"
        )
    wanted = _wanted()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return 0
    steps = [
        (f"creating .venv with Python {sys.version.split()[0]}", _venv),
        ("installing uv", _uv),
        ("installing the locked packages", _packages),
        ("installing Facteur itself (editable)", _facteur),
    ]
    for number, (words, step) in enumerate(steps, 1):
        started = time.time()
        sys.stdout.write(f"setup {number}/{len(steps)}  {words} … ")
        sys.stdout.flush()
        problem = step()
        if problem:
            sys.stdout.write("failed\n")
            sys.stdout.flush()
            return _give_up(problem)
        sys.stdout.write(f"{time.time() - started:.1f} s\n")
    STAMP.write_text(wanted)
    sys.stdout.write(f"setup done in {time.time() - began:.1f} s\n")
    return 0


def _wanted() -> str:
    """What the environment is made from: the Python, the place, the lock and the project file."""
    digest = hashlib.sha256(f"{sys.version} {CHECKOUT}".encode())
    digest.update(LOCK.read_bytes())
    digest.update((CHECKOUT / "pyproject.toml").read_bytes())
    return digest.hexdigest()


def _venv() -> str:
    # an environment of another Python, or one that was moved here, is made anew
    if VENV.exists() and not _same_python():
        shutil.rmtree(str(VENV))
    if (BIN / "python").exists() and not _run([str(BIN / "python"), "-m", "pip", "--version"]):
        return ""
    said = _run([sys.executable, "-m", "venv", "--clear", str(VENV)])
    if "ensurepip" in said or "No module named" in said:
        return (
            "This Python cannot make virtual environments: its venv module is missing.\n"
            "On Debian or Ubuntu: apt-get install python3-venv; then run the same command again."
        )
    return said and f"The virtual environment could not be made in {VENV}:\n{said}"


def _same_python() -> bool:
    check = [str(BIN / "python"), "-c", "import sys; print(sys.version, sys.prefix)"]
    try:
        said = subprocess.run(check, stdout=subprocess.PIPE, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    return said.decode().strip() == f"{sys.version} {VENV}"


def _uv() -> str:
    if (BIN / "uv").exists():
        return ""
    pip = [str(BIN / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return _likely_network(_run([*pip, "uv"]))


def _packages() -> str:
    # compiled now: otherwise every program of the stack compiles what it imports, at every start
    return _uv_install("--no-deps", "--require-hashes", "--compile-bytecode", "-r", str(LOCK))


def _facteur() -> str:
    return _uv_install("--no-deps", "--editable", str(CHECKOUT))


def _uv_install(*what: str) -> str:
    command = [str(BIN / "uv"), "pip", "install", "--python", str(BIN / "python"), "--quiet"]
    return _likely_network(_run([*command, *what]))


def _run(command: "list[str]") -> str:
    """The end of what a failed command said; nothing when it succeeded."""
    environment = dict(os.environ, VIRTUAL_ENV=str(VENV))
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, check=False
    )
    said = done.stdout.decode(errors="replace").strip()
    return (said[-1500:] or "it said nothing") if done.returncode else ""


def _likely_network(said: str) -> str:
    """Put the likely cause first: most failures of an installer are the network's."""
    signs = ("resolv", "connect", "timed out", "network", "proxy", "no matching distribution")
    if any(sign in said.lower() for sign in signs):
        return (
            "The package index could not be reached. Connect this machine (or set up pip's index"
            " or proxy), then run the same command again: it goes on where it stopped.\n\n" + said
        )
    return said


def _give_up(words: str) -> int:
    sys.stderr.write(f"\n{words}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
