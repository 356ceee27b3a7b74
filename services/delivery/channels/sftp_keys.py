"""A customer's private key for SFTP: what is taken, and its public half."""

import asyncssh


class UnusableKey(ValueError):
    """The key can't be used; the words say why and what to give instead."""


def public_half(private_key: str) -> str:
    """The line for the server's `authorized_keys`; UnusableKey for what signs in nowhere."""
    try:
        line = asyncssh.import_private_key(private_key).export_public_key("openssh").decode()
        # without the comment, which says where the key was made
        return " ".join(line.split()[:2])
    except asyncssh.KeyImportError as error:
        if "assphrase" in str(error):
            raise UnusableKey(
                "this key is protected by a passphrase: give one without (`ssh-keygen -p -f FILE` takes it "
                "off); it is kept encrypted here"
            ) from error
        raise UnusableKey(
            "no private key that can be read: the whole file that `ssh-keygen` made, from -----BEGIN to "
            "END-----, in OpenSSH's format or PEM"
        ) from error
    except asyncssh.KeyExportError as error:
        raise UnusableKey("a key of this kind can't be used for SFTP") from error


def fingerprint(public_key: str) -> str:
    """`SHA256:…`, as `ssh-keygen -l` shows it."""
    return asyncssh.import_public_key(public_key).get_fingerprint("sha256")
