"""Dovecot and Postfix of Debian as processes of a test: own directory, own ports on loopback, no system service.

Postfix asks Dovecot about a sign-in. Dovecot has the token of XOAUTH2 introspected (see introspection.py), and
verifies that of OAUTHBEARER by itself. It cannot do so for both: where a claim is a list, as `wids` and `roles` are in
every token of Entra, the 2.3.19 of Debian 12 dies of its own verification (signal 11).
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from provisioner.sandbox import certificates

START_SECONDS = 20.0
STOP_SECONDS = 10.0
UNPRIVILEGED = 65534
_PROTOCOLS = ("imap", "pop3", "submission")
_SEARCHED = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


@dataclass(frozen=True)
class Admission:
    """What Dovecot is told of tokens, and the mailboxes there are."""

    introspection: str
    """Address that answers whether a token is active, and whose it is as `upn`."""
    issuer: str
    audience: str
    keys: Mapping[str, str]
    """Key id -> public key as PEM, for its own verification; a token's user is its `upn` there, too."""
    mailboxes: tuple[str, ...]


@dataclass(frozen=True)
class Servers:
    """Where they listen."""

    trust: ssl.SSLContext
    imap: int
    pop: int
    submission: int
    """Dovecot's."""
    postfix: int
    directory: Path

    def log(self) -> str:
        """What both wrote so far."""
        return "".join(each.read_text(errors="replace") for each in sorted(self.directory.glob("*.log")))


def missing() -> str:
    """Why the servers cannot run here; empty where they can."""
    absent = [name for name in ("dovecot", "postfix") if shutil.which(name, path=_SEARCHED) is None]
    absent += [f"{each} of Dovecot" for each in _PROTOCOLS if not Path(f"/usr/lib/dovecot/{each}").exists()]
    if absent:
        return f"not installed: {', '.join(absent)}"
    version = subprocess.run([_program("dovecot"), "--version"], capture_output=True, text=True, check=True).stdout
    if not version.startswith("2.3."):
        return f"Dovecot {version.split()[0]}: its configuration is written for 2.3"
    return "" if os.geteuid() == 0 else "Postfix only starts as root"


@contextmanager
def running(admission: Admission) -> Iterator[Servers]:
    """Both servers, until the block ends."""
    # Their unprivileged processes must reach it, and a socket's path is at most 107 characters long.
    directory = Path(tempfile.mkdtemp(prefix="mail-"))
    try:
        directory.chmod(0o755)
        certificates.server_context(directory)
        mail = directory / "mail"
        mail.mkdir()
        os.chown(mail, UNPRIVILEGED, UNPRIVILEGED)
        imap, pop, submission, postfix, relay = _free_ports(5)
        trust = ssl.create_default_context(cafile=str(certificates.authority_file(directory)))
        servers = Servers(trust, imap, pop, submission, postfix, directory)
        with ExitStack() as stack:
            # Dovecot second: its socket for Postfix lies in the queue directory, which Postfix makes.
            stack.enter_context(_postfix(admission, servers, relay))
            stack.enter_context(_dovecot(admission, servers, relay))
            yield servers
    finally:
        shutil.rmtree(directory)


@contextmanager
def _dovecot(admission: Admission, servers: Servers, relay: int) -> Iterator[None]:
    directory = servers.directory
    for key_id, pem in admission.keys.items():
        # Without azp in the token, as in those of version 1, its keys are the default ones.
        file = directory / "keys" / "default" / "RS256" / key_id
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(pem)
    (directory / "asked.conf").write_text(_ASKED.format(introspection=admission.introspection))
    (directory / "verified.conf").write_text(
        _VERIFIED.format(directory=directory, issuer=admission.issuer, audience=admission.audience)
    )
    file = directory / "dovecot.conf"
    file.write_text(
        _DOVECOT.format(
            directory=directory,
            protocols=" ".join(_PROTOCOLS),
            imap=servers.imap,
            pop=servers.pop,
            submission=servers.submission,
            relay=relay,
            unprivileged=UNPRIVILEGED,
        )
    )
    process = _started(servers, "dovecot", [_program("dovecot"), "-F", "-c", str(file)])
    ports = (servers.imap, servers.pop, servers.submission)
    try:
        _wait_until(servers, process, lambda: all(_listens(port) for port in ports))
        yield
    finally:
        _stop(process)


@contextmanager
def _postfix(admission: Admission, servers: Servers, relay: int) -> Iterator[None]:
    directory = servers.directory
    home = directory / "postfix"
    for name in ("queue", "data"):
        (home / name).mkdir(parents=True)
    shutil.chown(home / "data", "postfix")
    (home / "mailboxes").write_text("".join(f"{each} {each}/\n" for each in admission.mailboxes))
    (home / "owners").write_text("".join(f"{each} {each}\n" for each in admission.mailboxes))
    (home / "main.cf").write_text(
        _POSTFIX.format(
            directory=directory,
            home=home,
            unprivileged=UNPRIVILEGED,
            domain=admission.mailboxes[0].partition("@")[2],
        )
    )
    (home / "master.cf").write_text(_POSTFIX_SERVICES.format(port=servers.postfix, relay=relay))
    # What `postfix start-fg` does, without the shell between: it would not pass signals on to the daemon.
    subprocess.run([_program("postfix"), "-c", str(home), "check"], check=True, timeout=START_SECONDS)
    daemons = subprocess.run(
        [_program("postconf"), "-c", str(home), "-h", "daemon_directory"], capture_output=True, text=True, check=True
    ).stdout.strip()
    process = _started(servers, "postfix", [f"{daemons}/master", "-c", str(home), "-s"])
    try:
        _wait_until(servers, process, lambda: _listens(servers.postfix))
        yield
    finally:
        _stop(process)


def _started(servers: Servers, name: str, command: list[str]) -> subprocess.Popen[bytes]:
    with (servers.directory / f"{name}.out.log").open("wb") as log:
        return subprocess.Popen(
            ["sh", "-c", _UNTIL_STDIN_CLOSES, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # an interrupt at the terminal is for the tests
        )


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait(STOP_SECONDS)


def _wait_until(servers: Servers, process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
    until = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > until:
            raise AssertionError(f"did not start: {process.args!r}\n{servers.log()}")
        time.sleep(0.02)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionError:
        return False
    return True


def _free_ports(count: int) -> list[int]:
    """Below the ports that the system gives to outgoing connections, so that none takes them before the server does."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as attempt:
            try:
                attempt.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


def _program(name: str) -> str:
    path = shutil.which(name, path=_SEARCHED)
    assert path is not None, name
    return path


_UNTIL_STDIN_CLOSES = '"$@" & read -r _; kill $!; wait $!'
"""A server must not outlive a test run that is killed."""

_DOVECOT = """
base_dir = {directory}/run
state_dir = {directory}/run
log_path = {directory}/dovecot.log
auth_verbose = yes
auth_debug = yes
protocols = {protocols}
listen = 127.0.0.1
hostname = localhost
ssl = required
ssl_cert = <{directory}/server.pem
ssl_key = <{directory}/server.pem
ssl_dh =
auth_mechanisms = xoauth2 oauthbearer
auth_failure_delay = 0
mail_location = maildir:{directory}/mail/%u
mail_uid = {unprivileged}
mail_gid = {unprivileged}
first_valid_uid = {unprivileged}
submission_relay_host = 127.0.0.1
submission_relay_port = {relay}
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {directory}/asked.conf
}}
passdb {{
  driver = oauth2
  mechanisms = oauthbearer
  args = {directory}/verified.conf
}}
userdb {{
  driver = static
  args = uid={unprivileged} gid={unprivileged} home={directory}/mail/%u
}}
service imap-login {{
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {imap}
    ssl = yes
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = 0
  }}
  inet_listener pop3s {{
    port = {pop}
    ssl = yes
  }}
}}
service submission-login {{
  inet_listener submission {{
    port = {submission}
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  unix_listener {directory}/postfix/queue/private/dovecot {{
    user = postfix
    mode = 0600
  }}
}}
"""
"""anvil-auth-penalty: without it a refused sign-in makes the next one wait."""

_ASKED = """
introspection_mode = post
introspection_url = {introspection}
active_attribute = active
active_value = true
username_attribute = upn
debug = yes
"""

_VERIFIED = """
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={directory}/keys/
issuers = {issuer}
client_id = {audience}
username_attribute = upn
debug = yes
"""
"""client_id: what `aud` must be."""

_POSTFIX = """
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
maillog_file = {directory}/postfix.log
maillog_file_prefixes = {directory}
myhostname = localhost
mydestination =
mynetworks = 127.0.0.0/8
inet_protocols = ipv4
inet_interfaces = loopback-only
alias_maps =
biff = no
default_transport = error:nothing leaves this machine
relay_transport = error:nothing leaves this machine
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = texthash:{home}/mailboxes
virtual_mailbox_base = {directory}/mail
virtual_uid_maps = static:{unprivileged}
virtual_gid_maps = static:{unprivileged}
smtpd_peername_lookup = no
smtpd_error_sleep_time = 0
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_tls_chain_files = {directory}/server.pem
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/dovecot
smtpd_sender_login_maps = texthash:{home}/owners
smtpd_sender_restrictions = reject_sender_login_mismatch
smtpd_relay_restrictions = permit_sasl_authenticated, reject
"""

_POSTFIX_SERVICES = """
127.0.0.1:{port} inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes
127.0.0.1:{relay} inet n - n - - smtpd
 -o smtpd_tls_security_level=none
 -o smtpd_sender_restrictions=
 -o smtpd_relay_restrictions=permit_mynetworks,reject
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
proxymap  unix  - - n - - proxymap
error     unix  - - n - - error
retry     unix  - - n - - error
virtual   unix  - n n - - virtual
anvil     unix  - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
"""
