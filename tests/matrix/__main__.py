"""`python -m tests.matrix`: write docs/access-matrix.md anew."""

from tests.matrix.document import written
from tests.matrix.source import DOCUMENT, source

if __name__ == "__main__":
    DOCUMENT.write_text(written(source()), "utf-8")
