"""Debian's own servers, each with a configuration of its own in a folder of the test's."""

import getpass
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from deploy.local.process import Program, Running, answers, free_port, start
from tests.need import need

SENDER = "billing@seller.example"
GONE = "parti@buyer.example"
"""Taken by postfix, and found out to be nobody when it is delivered."""


MAILBOXES = f"{{ achats@buyer.example = achats/ }} {{ {SENDER} = billing/ }} {{ {GONE} = gone/ }}"
NOBODY = "nobody unix - n n - - pipe flags= user=nobody argv=/bin/sh -c {exit 67}"
"""A transport that knows nobody (EX_NOUSER)."""


def owned_by_postfix(folder: Path) -> None:
    """Postfix delivers into it as its own user."""
    owner = pwd.getpwnam("postfix")
    for path in (folder, *folder.iterdir()):
        os.chown(path, owner.pw_uid, owner.pw_gid)


def need_root(program: str) -> str:
    """The program's path; skips when it is missing or we are not root (it changes users)."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    need(found, f"{program} is not installed (a Debian package of the same name has it)")
    need(os.geteuid() == 0, f"{program} must be started by root")
    return str(found)


def postfix(folder: Path, certificate: Path, key: Path) -> tuple[Running, int, Path]:
    """Postfix with one domain for buyers and one for sellers; returns it, its port, its mail."""
    postfix_bin = need_root("postfix")
    port = free_port()
    config, queue, data, mail = (folder / name for name in ("config", "queue", "data", "mail"))
    for made in (config, queue, data, mail):
        made.mkdir(parents=True)
    owner = pwd.getpwnam("postfix")
    os.chown(data, owner.pw_uid, owner.pw_gid)
    os.chown(mail, owner.pw_uid, owner.pw_gid)
    (config / "main.cf").write_text(
        f"""compatibility_level = 3.6
queue_directory = {queue}
data_directory = {data}
myhostname = mx.buyer.example
mydestination =
inet_interfaces = 127.0.0.1
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = buyer.example seller.example
virtual_mailbox_base = {mail}
virtual_mailbox_maps = inline:{{ {MAILBOXES} }}
transport_maps = inline:{{ {{ {GONE} = nobody: }} }}
virtual_uid_maps = static:{owner.pw_uid}
virtual_gid_maps = static:{owner.pw_gid}
virtual_minimum_uid = 1
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_client_connection_rate_limit = 0
message_size_limit = 36000000
virtual_mailbox_limit = 0
maillog_file = {folder / "postfix.log"}
maillog_file_prefixes = {folder}
alias_maps =
"""
    )
    standard = Path("/etc/postfix/master.cf").read_text().splitlines()
    kept = [line for line in standard if line.strip() and not line.startswith("#")]
    kept = [
        line for line in kept if not line.startswith(("smtp      inet", "pickup", "submission"))
    ]
    services = [f"127.0.0.1:{port} inet n - n - - smtpd", *map(_without_chroot, kept), NOBODY]
    (config / "master.cf").write_text("\n".join(services) + "\n")
    subprocess.run([postfix_bin, "-c", str(config), "check"], check=True, capture_output=True)
    daemons = subprocess.run(
        [str(Path(postfix_bin).with_name("postconf")), "-h", "daemon_directory"],
        check=True,
        capture_output=True,
        text=True,
    )
    # the command `postfix start-fg` would leave the master behind when it is ended
    program = Program(
        name="postfix",
        argv=[f"{daemons.stdout.strip()}/master", "-d", "-c", str(config)],
        ready=lambda: answers(port),
        stop_seconds=10,
        ready_seconds=20,
    )
    return start(program, folder / "out.log"), port, mail


def _without_chroot(line: str) -> str:
    """The fifth column of a service says whether it is locked into the queue's folder."""
    fields = line.split(None, 7)
    if line[0].isspace() or len(fields) < 8:
        return line
    fields[4] = "n"
    return " ".join(fields)


def vsftpd(folder: Path, certificate: Path, key: Path) -> tuple[Running, int, Path]:
    """vsftpd that insists on TLS and on session reuse; its guests may write into `in`."""
    vsftpd_bin = need_root("vsftpd")
    port = free_port()
    root, inbox, empty = folder / "root", folder / "root" / "in", folder / "empty"
    for made in (inbox, empty):
        made.mkdir(parents=True)
    owner = pwd.getpwnam("ftp")
    os.chown(inbox, owner.pw_uid, owner.pw_gid)
    (folder / "vsftpd.conf").write_text(
        f"""listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
anonymous_enable=YES
local_enable=NO
write_enable=YES
anon_root={root}
anon_upload_enable=YES
anon_other_write_enable=YES
anon_world_readable_only=NO
anon_umask=022
secure_chroot_dir={empty}
pasv_enable=YES
pasv_address=127.0.0.1
ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=YES
force_anon_data_ssl=YES
require_ssl_reuse=YES
ssl_ciphers=HIGH
rsa_cert_file={certificate}
rsa_private_key_file={key}
xferlog_enable=NO
seccomp_sandbox=NO
"""
    )
    program = Program(
        name="vsftpd",
        argv=[vsftpd_bin, str(folder / "vsftpd.conf")],
        ready=lambda: answers(port),
        ready_seconds=10,
    )
    return start(program, folder / "out.log"), port, inbox


def sshd(folder: Path) -> tuple[Running, int, str, str]:
    """OpenSSH's server for the user who runs the tests; returns it, its port, both keys' texts."""
    sshd_bin = need_root("sshd")
    need(shutil.which("ssh-keygen"), "ssh-keygen, of Debian's openssh-client")
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("host", "user"):
        make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(make, check=True)
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    (folder / "sshd_config").write_text(
        f"""ListenAddress 127.0.0.1:{port}
HostKey {folder / "host"}
PidFile {folder / "pid"}
AuthorizedKeysFile {folder / "user.pub"}
AllowUsers {getpass.getuser()}
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
Subsystem sftp internal-sftp
ForceCommand internal-sftp
"""
    )
    program = Program(
        name="sshd",
        argv=[sshd_bin, "-D", "-e", "-f", str(folder / "sshd_config")],
        ready=lambda: answers(port),
        ready_seconds=10,
    )
    running = start(program, folder / "out.log")
    return running, port, (folder / "host.pub").read_text(), (folder / "user").read_text()
