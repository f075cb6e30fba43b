"""A network namespace for measurements, and what processes in it take. For soak.py, tap.py, faults.py and path.py."""
import contextlib, json, os, shutil, subprocess, tempfile


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


class Space:
    """A namespace, and a directory that goes with it."""

    def __init__(self, root):
        self.name, self.root = f"portcullis-{os.getpid()}", root

    def inside(self, *words):
        return ["ip", "netns", "exec", self.name, *words]

    def run(self, *words):
        return run(*self.inside(*words))

    def start(self, *words, **more):
        return subprocess.Popen(self.inside(*words), **more)

    def wire(self, one, other, mtu=65535):
        """A pair of interfaces, on which nothing is said but what is sent."""
        self.run("ip", "link", "add", one, "type", "veth", "peer", "name", other)
        for end in [one, other]:
            self.run("sysctl", "-qw", f"net.ipv6.conf.{end}.disable_ipv6=1")
            self.run("ip", "link", "set", end, "mtu", str(mtu), "up")


@contextlib.contextmanager
def space(directory=None):
    """What is still there in the end is ended and removed."""
    made = Space(tempfile.mkdtemp(prefix="portcullis-bench-", dir=directory))
    try:
        run("ip", "netns", "add", made.name)
        yield made
    finally:
        for pid in subprocess.run(["ip", "netns", "pids", made.name], capture_output=True, text=True).stdout.split():
            subprocess.run(["kill", "-9", pid], capture_output=True)
        subprocess.run(["ip", "netns", "del", made.name], capture_output=True)
        shutil.rmtree(made.root, ignore_errors=True)


def processor(pid):
    """Seconds of processor time."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid, most=False):
    """Resident memory in MiB: now, or the most that it was."""
    name = "VmHWM:" if most else "VmRSS:"
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name)) / 1024


def stats(path):
    """The last stats event of a file of events."""
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - (1 << 20)))
        lines = [line for line in file.read().splitlines() if b'"event_type":"stats"' in line and line.startswith(b"{")]
    return json.loads(lines[-1])["stats"]


def counter(counted, name):
    """A counter of a stats event by its dotted name, or none."""
    for part in name.split("."):
        if not isinstance(counted, dict) or part not in counted:
            return None
        counted = counted[part]
    return counted
