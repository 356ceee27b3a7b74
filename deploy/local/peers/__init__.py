"""The receiving side, to look at and to count: these modules import nothing of Facteur."""
