#!/usr/bin/env python3
"""Has a systemd start the units of the Debian package: tests/packaging/run.py PACKAGE.deb

The systemd is one of this machine's own, in a container (systemd-nspawn) with a network of its own and a root that is made of this machine's
/usr and /etc, beneath a layer that goes away with it. It takes root, systemd-nspawn, ip and tcpreplay; where it cannot be, it says so and is
skipped. It takes a minute, two at most.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CAPTURE = REPOSITORY / "pcaps/h2-tls13.pcap"
LONGEST = 120  # seconds, of all
SOON = 15  # seconds that a machine which is busy elsewhere may take for what should be there at once
LANDLOCK = "landlock_create_ruleset landlock_add_rule landlock_restrict_self"  # which systemd-nspawn lets nobody do by itself
LISTENER = "import socket, time; s = socket.create_server(('127.0.0.1', 8088)); kept = []\nwhile True: kept.append(s.accept())"


def skip(reason):
    print(f"SKIPPED: {reason}", flush=True)
    sys.exit(0)


def run(*command, check=True, **more):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, **more)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}")
    return done.stdout.strip()


def until(what, holds, seconds=SOON):
    """Waits until it holds, and answers with what came of it."""
    since = time.monotonic()
    while not (found := holds()):
        assert time.monotonic() - since < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return found


def make_root(work, package):
    """This machine's programs and settings, with the package, and without the services of this machine."""
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(work))
    root = work / "root"
    for name in ["dev", "proc", "sys", "run", "root", "tmp", "usr", "etc", "var/lib", "var/log", "var/tmp", "var/cache"]:
        (root / name).mkdir(parents=True)
    for name in ["bin", "sbin", "lib", "lib64"]:
        (root / name).symlink_to(f"usr/{name}")
    for name in ["usr", "etc"]:
        upper, scratch = work / "upper" / name, work / "scratch" / name
        upper.mkdir(parents=True), scratch.mkdir(parents=True)
        run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/{name},upperdir={upper},workdir={scratch}", str(root / name))
    shutil.copytree("/var/lib/dpkg", root / "var/lib/dpkg", symlinks=True)
    (root / "tmp").chmod(0o1777)
    for wants in (root / "etc/systemd/system").glob("*.wants"):
        shutil.rmtree(wants)
    (root / "etc/systemd/system/default.target").unlink(missing_ok=True)
    (root / "etc/systemd/system/default.target").symlink_to("/usr/lib/systemd/system/basic.target")
    (root / "etc/machine-id").write_text("")
    shutil.copy(package, root / "root/portcullis.deb")
    run("chroot", str(root), "dpkg", "--force-depends", "-i", "/root/portcullis.deb")
    return root


class Guest:
    """A systemd that runs in a root."""

    def __init__(self, root):
        self.root = root
        options = ["--boot", "--register=no", "--keep-unit", "--private-network", "--console=pipe", f"--system-call-filter={LANDLOCK}", f"--machine=portcullis-{os.getpid()}"]
        environment = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        self.log = open(root.parent / "nspawn.log", "w+")
        self.nspawn = subprocess.Popen(
            ["systemd-nspawn", f"--directory={root}", *options], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=environment
        )
        try:
            self.leader = until("systemd-nspawn starts systemd", self.find_leader)
            until("systemd is up", lambda: self("systemctl", "is-system-running", check=False) in ("running", "degraded"), 30)
        except AssertionError as error:
            self.log.seek(0)
            said = self.log.read()
            self.end()
            skip(f"no systemd boots in a container here: {error}\n{said}")

    def find_leader(self):
        assert self.nspawn.poll() is None, "systemd-nspawn ended"
        for path in Path(f"/proc/{self.nspawn.pid}/task").glob("*/children"):
            for pid in path.read_text().split():
                with contextlib.suppress(FileNotFoundError):
                    if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
                        return pid
        return None

    def __call__(self, *command, check=True):
        """Runs a program of the guest's, in it."""
        return run("nsenter", "-t", self.leader, "-m", "-u", "-i", "-n", "-p", "-C", *command, check=check)

    def network(self, *command, check=True):
        """Runs a program of this machine's in the guest's network."""
        return run("nsenter", "-t", self.leader, "-n", *command, check=check)

    def end(self):
        self.nspawn.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.nspawn.wait(10)
        if self.nspawn.poll() is None:
            with contextlib.suppress(AttributeError, ProcessLookupError):
                os.kill(int(self.leader), signal.SIGKILL)  # with it go all processes of its namespace
            self.nspawn.kill()
            self.nspawn.wait()
        self.log.close()

    def cable(self, one, other):
        self.network("ip", "link", "add", one, "type", "veth", "peer", "name", other)
        for end in (one, other):
            self.network("ip", "link", "set", end, "up")

    def send(self, interface):
        self.network("tcpreplay", "--quiet", "--topspeed", "-i", interface, str(CAPTURE))


class Service:
    def __init__(self, guest, unit, events):
        self.guest, self.unit, self.events = guest, unit, guest.root / "var/log/portcullis" / events

    def show(self, what):
        return self.guest("systemctl", "show", "-P", what, self.unit)

    def main(self):
        """Its process, as this machine counts them."""
        inner = self.show("MainPID")
        for status in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
                if fields["Name"] == "portcullis" and fields.get("NSpid", "").split()[-1] == inner and "\t" in fields["NSpid"]:
                    return int(status.parent.name), fields
        raise AssertionError(f"{self.unit} has no process {inner}")

    def journal(self):
        return self.guest("journalctl", "--no-pager", "-o", "cat", "-u", self.unit)

    def start(self):
        self.guest("systemctl", "start", self.unit, check=False)
        assert self.show("ActiveState") == "active", self.journal()

    def stop(self):
        """Stops it: how long that took."""
        since = time.monotonic()
        self.guest("systemctl", "stop", self.unit)
        took = time.monotonic() - since
        assert (self.show("Result"), self.show("ExecMainStatus")) == ("success", "0"), self.journal()
        return took

    def sessions(self):
        lines = self.events.read_text().splitlines(keepends=True) if self.events.exists() else []
        whole = [json.loads(line) for line in lines if line.endswith("\n")]
        return sum(event["event_type"] == "tls" for event in whole)

    def is_up_again(self, after):
        def holds():
            return self.show("ActiveState") == "active" and self.show("MainPID") not in ("0", after)

        until(f"{self.unit} is started again", holds, 30)


def hardened(service, capabilities):
    """It is the user's, with no other privileges, behind its fence and systemd's."""
    _, status = service.main()
    assert status["Uid"].split()[0] != "0", status["Uid"]
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == capabilities, status["CapEff"]
    assert status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2", status
    service.guest("systemd-analyze", "security", "--no-pager", "--threshold=25", service.unit)
    assert "sandbox" not in service.journal(), service.journal()


def survives(service):
    """A process that is killed, or hangs, is started again, and its file goes on."""
    pid, _ = service.main()
    before, events = service.show("MainPID"), service.sessions()
    os.kill(pid, signal.SIGKILL)
    service.is_up_again(before)
    assert service.sessions() >= events, "events of before are gone"
    pid, _ = service.main()
    before = service.show("MainPID")
    os.kill(pid, signal.SIGSTOP)
    service.is_up_again(before)
    assert "watchdog" in service.journal(), service.journal()


def tap(guest):
    guest.cable("tap0", "wire0")
    service = Service(guest, "portcullis-tap@tap0.service", "tap0.json")
    service.start()
    hardened(service, 1 << 13)  # CAP_NET_RAW
    owner = service.events.stat()
    assert owner.st_uid != 0 and owner.st_mode & 0o777 == 0o640 and service.events.parent.stat().st_mode & 0o777 == 0o750
    guest.send("wire0")
    until("a session in its file", lambda: service.sessions() > 0)

    (guest.root / "etc/portcullis/one.rules").write_text('alert tls any any -> any any (msg:"one"; sid:1;)\n')
    service.events.rename(service.events.with_suffix(".json.1"))
    guest("systemctl", "reload", service.unit)
    until("rules are loaded anew", lambda: "rules reloaded" in service.journal())
    guest.send("wire0")
    until("a session in a new file", lambda: service.sessions() > 0)
    assert '"event_type":"alert"' in service.events.read_text()

    survives(service)
    took = service.stop()
    assert took < 2, f"it took {took} s to stop"
    print(f"tap: killed, hung and started again, stopped within {took:.2f} s")


def receiver_that_hangs(guest, settings):
    """A receiver that takes a request and never answers does not hold up an end; what it has not confirmed waits for the next start."""
    listener = subprocess.Popen(["nsenter", "-t", guest.leader, "-n", sys.executable, "-c", LISTENER])
    try:
        guest.network("ip", "link", "set", "lo", "up")
        settings.write_text(settings.read_text() + '\n[[sink]]\ntype = "http"\nmode = "ndjson"\nurl = "http://127.0.0.1:8088/"\nname = "hangs"\n')
        service = Service(guest, "portcullis-tap@tap0.service", "tap0.json")
        service.start()
        before = service.sessions()
        guest.send("wire0")
        until("a session", lambda: service.sessions() > before)
        time.sleep(1.5)  # the request is under way
        took = service.stop()
        assert took < 3, f"it took {took} s to stop"
        assert "wait in its spool" in service.journal(), service.journal()
        assert any((guest.root / "var/lib/portcullis/tap-tap0").rglob("*")), "no spool in the interface's own directory"
    finally:
        listener.kill()
        listener.wait()
    print(f"tap with a receiver that hangs: stopped within {took:.2f} s")


def interface_that_comes_later(guest):
    service = Service(guest, "portcullis-tap@late0.service", "late0.json")
    guest("systemctl", "start", service.unit, check=False)
    until("it says what is missing", lambda: "no interface late0" in service.journal())
    guest.cable("late0", "late1")
    until("it listens once the interface is there", lambda: service.show("ActiveState") == "active")
    service.stop()
    print("interface that comes later: found")


def wrong_settings(guest, settings):
    right = settings.read_text()
    settings.write_text(right + "\n[command.tap]\nworkerz = 2\n")
    service = Service(guest, "portcullis-tap@tap0.service", "tap0.json")
    guest("systemctl", "start", service.unit, check=False)
    until("it is given up", lambda: service.show("ActiveState") == "failed")
    assert "workerz" in service.journal() and "/etc/portcullis/portcullis.toml" in service.journal(), service.journal()
    time.sleep(3)  # longer than it takes to start it again
    assert (service.show("ActiveState"), service.show("ExecMainStatus")) == ("failed", "2"), service.journal()
    settings.write_text(right)
    guest("systemctl", "reset-failed", service.unit)
    print("wrong settings: said, and not tried again")


def inline(guest):
    guest.cable("left", "outer0")
    guest.cable("right", "outer1")
    service = Service(guest, "portcullis-inline.service", "inline.json")
    service.start()
    hardened(service, 1 << 12 | 1 << 13)  # CAP_NET_ADMIN, CAP_NET_RAW
    received = lambda: int(guest.network("ip", "-j", "-s", "link", "show", "outer1").split('"rx":{')[1].split('"packets":')[1].split(",")[0])
    before = received()
    guest.send("outer0")
    until("packets come out at the other side", lambda: received() >= before + 5)
    guest("systemctl", "reload", service.unit)
    until("rules are loaded anew", lambda: "rules reloaded" in service.journal())
    survives(service)
    took = service.stop()
    assert took < 2, f"it took {took} s to stop"
    print(f"inline: killed, hung and started again, stopped within {took:.2f} s")


def inside(package):
    work = Path(tempfile.mkdtemp(prefix="portcullis-units-"))
    guest = None
    try:
        # What systemd-nspawn keeps goes away, too.
        run("mount", "-t", "tmpfs", "tmpfs", "/run/systemd", check=Path("/run/systemd").is_dir())
        try:
            root = make_root(work, package)
        except AssertionError as error:
            if "mount" in str(error):
                skip(f"no layers can be mounted here: {error}")
            raise
        settings = root / "etc/portcullis/portcullis.toml"
        settings.write_text('rules = ["/etc/portcullis/*.rules"]\n\n[command.inline]\nbridge = "left:right"\n')
        (root / "etc/portcullis/one.rules").write_text("")
        # So that nobody has to wait for the watchdog.
        for unit in ["portcullis-tap@", "portcullis-inline"]:
            (root / f"etc/systemd/system/{unit}.service.d").mkdir()
            (root / f"etc/systemd/system/{unit}.service.d/test.conf").write_text("[Service]\nWatchdogSec=3\n")
        guest = Guest(root)
        tap(guest)
        interface_that_comes_later(guest)
        wrong_settings(guest, settings)
        inline(guest)
        receiver_that_hangs(guest, settings)
        guest("dpkg", "-P", "portcullis")
        assert not (root / "var/log/portcullis").exists() and not (root / "var/lib/portcullis").exists()
        print("purged")
    finally:
        if guest:
            guest.end()
        run("umount", "-R", str(work), check=False)
        work.rmdir()


def main():
    package = Path(sys.argv[1]).resolve()
    if os.geteuid() != 0:
        skip("it takes root")
    for tool in ["systemd-nspawn", "unshare", "nsenter", "ip", "tcpreplay", "dpkg"]:
        if not shutil.which(tool):
            skip(f"there is no {tool}")
    if "--inside" in sys.argv:
        signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(TimeoutError(f"it takes longer than {LONGEST} s")))
        signal.alarm(LONGEST)
        return inside(package)
    # Mounts are its own, and end with it.
    return sys.exit(subprocess.run(["unshare", "--mount", "--propagation", "private", sys.executable, __file__, str(package), "--inside"]).returncode)


if __name__ == "__main__":
    main()
