"""Mutation testing of what Facteur promises: each promise is broken, and a test must notice."""
