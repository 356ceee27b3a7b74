"""The embedded mode: everything Facteur needs on a machine that has Python alone, and no root."""
