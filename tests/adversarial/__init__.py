"""What an attacker would try, tried; on the services of the access matrix (tests/matrix)."""
