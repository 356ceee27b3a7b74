"""Peppol: who a participant is, where its access point is, and AS4 in both directions.

The protocol is written here directly on lxml and cryptography: what is signed is looked up by
reference id and nothing else is ever read, so that there is no second interpretation to attack.
The library `as4` and the Java access point phase4 are the judges of it in the tests.
"""
