"""The vocabulary of EN 16931: model, syntaxes and official rules. It could be published alone."""
