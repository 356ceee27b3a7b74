"""The access matrix: every route × every kind of person, compared with docs/access-matrix.toml."""
