"""The independent judge of PDF/A: veraPDF, run from its own jars."""
