#!/usr/bin/env python3
"""What many rules cost: [N=5] rules.py PORTCULLIS CAPTURE [RULES], or rules.py --write FILE RULES

Makes RULES (100,000 unless told) rules, the same ones each time, of the kinds that threat feeds have and with the metadata that feeds
write: of 100,000 some 60,000 are on server names, 4,000 on parts of names, 33,000 on JA3 and JA4 and on fingerprints, serials and
subjects of certificates, and 3,000 have content and pcre. Then replays CAPTURE with 10 of them, with 30,000 and with all, turn about, N
times; and an empty capture, which is to load them and nothing else. Prints medians of wall time, of CPU time (all threads), of peak RSS.
"""
import itertools
import os
import random
import statistics
import struct
import sys
import tempfile
import time

FEW = 10
LOADED = 30_000
FAMILIES = ["Lumma", "Remcos", "AsyncRAT", "Vidar", "CobaltStrike", "Sliver", "SocGholish", "DarkGate", "Emotet", "Qakbot", "IcedID", "NjRAT"]
SYLLABLES = ["ba", "co", "di", "fu", "ga", "hel", "in", "jo", "kra", "lu", "mo", "net", "or", "pi", "qua", "ri", "so", "ter", "ul", "vex", "wi", "zo"]
ENDINGS = ["example", "test", "invalid", "com.example", "co.test"]


class Maker:
    def __init__(self):
        self.random = random.Random(443)

    def label(self):
        return "".join(self.random.choices(SYLLABLES, k=self.random.randint(3, 5))) + str(self.random.randint(0, 9999))

    def domain(self):
        return f"{self.label()}.{self.random.choice(ENDINGS)}"

    def hex(self, digits):
        return f"{self.random.getrandbits(4 * digits):0{digits}x}"

    def bytes(self, count):
        return ":".join(self.hex(2) for _ in range(count))

    def suffix(self):
        return f'tls.sni; dotprefix; content:".{self.domain()}"; endswith; fast_pattern'

    def whole_name(self):
        name = self.domain()
        return f'tls.sni; bsize:{len(name)}; content:"{name}"; fast_pattern'

    def part_of_name(self):
        return f'tls.sni; content:"{self.label()}."; nocase'

    def ja3(self):
        return f'ja3.hash; content:"{self.hex(32)}"'

    def ja4(self):
        return f'ja4.hash; content:"t13d{self.random.randint(5, 20):02}{self.random.randint(5, 16):02}h2_{self.hex(12)}_{self.hex(12)}"'

    def fingerprint(self):
        return f'tls.cert_fingerprint; content:"{self.bytes(20)}"'

    def serial(self):
        return f'tls.cert_serial; content:"{self.bytes(16).upper()}"; bsize:47'

    def subject(self):
        return f'tls.cert_subject; content:"CN={self.domain()}"; bsize:{self.random.randint(30, 60)}<>90'

    def generated_name(self):
        ending = self.random.choice(ENDINGS)
        return f'tls.sni; content:".{self.label()}.{ending}"; endswith; pcre:"/^[a-z]{{{self.random.randint(5, 9)},12}}[0-9]{{2,4}}\\.{self.label()}\\./"'

    def generated_issuer(self):
        return f'tls.cert_issuer; content:"O={self.label()}"; nocase; content:"CN="; distance:0; pcre:"/CN=[A-Z][a-z]{{{self.random.randint(3, 9)},}}\\x20CA/R"'

    def rule(self, number):
        kinds = [
            (32, self.suffix), (28, self.whole_name), (4, self.part_of_name), (10, self.ja3), (8, self.ja4), (9, self.fingerprint), (4, self.serial),
            (2, self.subject), (2, self.generated_name), (1, self.generated_issuer),
        ]
        kind = self.random.choices([k for _, k in kinds], [w for w, _ in kinds])[0]
        server = kind in (self.fingerprint, self.serial, self.subject, self.generated_issuer)
        ends, way = ("$EXTERNAL_NET any -> $HOME_NET any", "to_client") if server else ("$HOME_NET any -> $EXTERNAL_NET any", "to_server")
        family = self.random.choice(FAMILIES)
        day = f"2025_{self.random.randint(1, 12):02}_{self.random.randint(1, 28):02}"
        return (
            f'alert tls {ends} (msg:"BENCH MALWARE {family} traffic {number}"; flow:established,{way}; {kind()}; '
            f"reference:url,example.test/{self.label()}; classtype:domain-c2; sid:{1_000_000 + number}; rev:{self.random.randint(1, 4)}; "
            f"metadata:affected_product Windows, attack_target Client_Endpoint, created_at {day}, deployment Perimeter, "
            f"malware_family {family}, signature_severity Major, tag c2, updated_at {day};)"
        )


def write_rules(path, count):
    maker = Maker()
    with open(path, "w", encoding="ascii") as file:
        file.writelines(maker.rule(number) + "\n" for number in range(count))


def write_some(path, source, stop, step=1):
    with open(source, encoding="ascii") as rules, open(path, "w", encoding="ascii") as file:
        file.writelines(itertools.islice(rules, 0, stop, step))


def run(command):
    """Wall seconds, CPU seconds and peak RSS in KiB of one run."""
    quiet = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
    begin = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=quiet)
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - begin
    if status != 0:
        sys.exit(f"{' '.join(command)}: exit status {os.waitstatus_to_exitcode(status)}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def main(portcullis, capture, count):
    repeats = int(os.environ.get("N", "5"))
    with tempfile.TemporaryDirectory() as scratch:
        path = lambda name: os.path.join(scratch, name)
        # All that is large is streamed: a child's peak RSS begins with that of its parent.
        write_rules(path("all.rules"), count)
        write_some(path("few.rules"), path("all.rules"), count, max(1, count // FEW))
        write_some(path("loaded.rules"), path("all.rules"), LOADED)
        with open(path("empty.pcap"), "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        with open(capture, "rb", buffering=0) as file:
            while file.read(1 << 22):
                pass
        cases = [(s, c) for c in ("empty.pcap", capture) for s in ("few", "loaded", "all")]
        runs = {case: [] for case in cases}
        for _ in range(repeats):
            for (rule_set, played), measured in runs.items():
                played = path(played) if played == "empty.pcap" else played
                measured.append(run([portcullis, "replay", "--rules", path(f"{rule_set}.rules"), "-o", path("eve.ndjson"), played]))
                os.remove(path("eve.ndjson"))
        medians = {case: [statistics.median(column) for column in zip(*measured)] for case, measured in runs.items()}
        sizes = {"few": FEW, "loaded": min(LOADED, count), "all": count}
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, medians of {repeats}, {os.path.getsize(path('all.rules')) // count} bytes a rule\n")
        print(f"{'capture':18} {'rules':>8} {'wall s':>8} {'CPU s':>8} {'RSS MiB':>8} {'x wall':>7} {'x CPU':>7} {'bytes a rule':>13}")
        for (rule_set, played), (wall, cpu, rss) in medians.items():
            few = medians["few", played]
            each = f"{(rss - few[2]) * 1024 / sizes[rule_set]:13.0f}" if rule_set != "few" else ""
            print(
                f"{os.path.basename(played):18} {sizes[rule_set]:8} {wall:8.3f} {cpu:8.3f} {rss / 1024:8.1f} {wall / few[0]:7.2f} {cpu / few[1]:7.2f} {each}"
            )
        few, loaded, everything = (medians[s, "empty.pcap"] for s in ("few", "loaded", "all"))
        matched_few, matched = (medians[s, capture] for s in ("few", "all"))
        loading = everything[1] - few[1]
        print(f"\nloading {sizes['loaded']} rules: {loaded[0] - few[0]:.3f} s of wall time, {loaded[1] - few[1]:.3f} s of CPU time")
        print(f"replay with {count} rules against {FEW}, loading left out: {(matched[1] - loading) / matched_few[1]:.2f} x the CPU time")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if len(arguments) == 3 and arguments[0] == "--write":
        write_rules(arguments[1], int(arguments[2]))
    elif len(arguments) in (2, 3):
        main(arguments[0], arguments[1], int(arguments[2]) if len(arguments) == 3 else 100_000)
    else:
        sys.exit(__doc__)
