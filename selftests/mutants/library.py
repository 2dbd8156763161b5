# SPDX-License-Identifier: GPL-2.0-only
"""The library with a mistake in it, built for user space and tested there."""

import os
import re
import resource
import shlex
import shutil
import signal
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIBRARY = "drivers/iommu/io-pgtable-arm-deferred"
USER = os.path.join(TOP, "selftests/user")

# What a mistake is to be found in, and which files are policy and accounting
POLICY = """batch.c cursor.c debugfs.c dump.c due.c epoch.c hist.h overlap.c pages.c params.c
	reclaim.c refill.c trim.c shrink.c wait.c reclaim.h reclaim-parts.h""".split()

# Seconds of a CPU, and times as many on the clock, until a test counts as hung
CPU_SECONDS = 60
CLOCK = 10

# The tests, those first that take the least: which build, and the command in it
TESTS = [
    ("12", "formats"),
    ("12", "drivers"),
    ("12", "policy"),
    ("12", "overlap"),
    ("12", "epochs --rounds=4 --seed={seed}"),
    ("12", "fuzz -runs=0 {corpus}"),
    ("12", "random --ops=12000 --seed={seed}"),
    ("12", "random --ops=24000 --round=21 --seed={next}"),
    ("12", "pages"),
    ("12", "scenes --seed={seed}"),
    ("12", "nth --states=1 --seed={seed}"),
    ("threads-address", "detach"),
    ("threads-address", "threads --rounds=300 --seed={seed}"),
    ("threads-thread", "threads --rounds=120 --seed={seed}"),
    ("12", "meet --every=40 --seed={seed}"),
    ("12", "random --ops=60000 --round=40 --seed={last}"),
]


def group(name):
    return "policy and accounting" if name in POLICY else "structure and protocol"


def run(command, log, limit=True):
    """Return: did it succeed? A command that hangs does not."""
    def limits():
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if limit:
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))

    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT,
                                   preexec_fn=limits, cwd=USER)
        try:
            return process.wait(CLOCK * CPU_SECONDS) == 0
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return False
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise


class Library:
    """A copy of the library, what has been built of it, and one change at a time"""

    name = "library"

    def __init__(self, folder, seed):
        self.folder = folder
        self.tree = os.path.join(folder, "source")
        self.objects = os.path.join(folder, "objects")
        self.log = os.path.join(folder, "log")
        corpus = "%s %s" % (os.path.join(folder, "corpus"), os.path.join(USER, "corpus"))
        self.values = {"seed": seed, "next": seed + 1, "last": seed + 2, "corpus": corpus}
        self.flags = {}
        self.tests = [t for t in TESTS if os.path.exists(
            os.path.join(USER, t[1].split()[0] + ".c"))]

    def make(self, *arguments):
        return ["make", "-s", "-j2", "-C", USER, "SOURCE=" + self.tree,
                "OUTPUT=" + self.objects, "KINDS=12", *arguments]

    def copy(self):
        """Files that are as before keep their time, and their objects."""
        for folder in (LIBRARY, "include"):
            subprocess.run(["rsync", "-a", "--delete", "--include=*/", "--exclude=*.mod.c",
                            "--include=*.[ch]", "--exclude=*", "--checksum",
                            os.path.join(TOP, folder) + "/",
                            os.path.join(self.tree, folder) + "/"], check=True)

    def prepare(self):
        """Return: what is wrong without a mistake, or nothing"""
        os.makedirs(os.path.join(self.folder, "corpus"), exist_ok=True)
        os.makedirs(self.tree, exist_ok=True)
        for folder in (LIBRARY, "include"):
            os.makedirs(os.path.join(self.tree, folder), exist_ok=True)
        self.copy()
        if not run(self.make(), self.log, False):
            return "the tests do not compile: see " + self.log
        for line in subprocess.run(self.make("show"), check=True, text=True,
                                   stdout=subprocess.PIPE).stdout.splitlines():
            what, flags = line.split(":", 1)
            self.flags[what] = shlex.split(flags)
        failed = self.test({})
        return failed and "without a mistake %s fails: see %s" % (failed, self.log)

    def files(self):
        folder = os.path.join(self.tree, LIBRARY)
        for name in sorted(os.listdir(folder)):
            if re.search(r"(?<!\.mod)\.[ch]$", name) and not name.startswith("trace"):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    yield name, file.read()

    # Objects that are made anew, and those that stay

    def changed(self, build, name):
        """Each object that is made of the file: its path, and its source"""
        path = os.path.join(self.tree, LIBRARY, name)
        if name.endswith(".c"):
            return [(os.path.join(self.objects, build, "library", name[:-2] + ".o"), path)]
        pairs = []
        for folder, own in ((os.path.join(self.tree, LIBRARY), "library"), (USER, "")):
            for source in sorted(os.listdir(folder)):
                if not source.endswith(".c"):
                    continue
                made = os.path.join(self.objects, build, own, source[:-2] + ".o")
                if os.path.exists(made) and name in self.included(build, folder, source):
                    pairs.append((made, os.path.join(folder, source)))
        return pairs

    def included(self, build, folder, source, known={}):
        key = (build, folder, source)
        if key not in known:
            command = [*self.flags[build], "-MM", os.path.join(folder, source)]
            said = subprocess.run(command, cwd=USER, check=True, text=True,
                                  stdout=subprocess.PIPE).stdout
            known[key] = {os.path.basename(p) for p in said.split()
                          if p.startswith(os.path.join(self.tree, LIBRARY))}
        return known[key]

    def compile(self, build, name):
        """Return: the new objects by the path of the old ones, or None"""
        made = {}
        for old, path in self.changed(build, name):
            own = "library" if "/library/" in old else "tests"
            new = os.path.join(self.folder, "changed", build + "-" + own + "-" +
                               os.path.basename(old))
            os.makedirs(os.path.dirname(new), exist_ok=True)
            extra = self.flags["coverage"] if own == "library" and build == "12" else []
            if not run([*self.flags[build], "-w", *extra, "-c", path, "-o", new],
                       self.log, False):
                return None
            made[old] = new
        return made

    def is_same(self, made):
        for old, new in made.items():
            with open(old, "rb") as one, open(new, "rb") as other:
                if one.read() != other.read():
                    return False
        return True

    def link(self, build, program, made):
        old = os.path.join(self.objects, build, program)
        if not made:
            return old
        objects = subprocess.run(self.make("objects-of-" + program, "BUILD=" + build),
                                 check=True, text=True, stdout=subprocess.PIPE).stdout.split()
        new = os.path.join(self.folder, "changed", build + "-" + program)
        fuzz = ["-fsanitize=fuzzer"] if program == "fuzz" else []
        run([*self.flags[build + "-link"], *fuzz, *[made.get(o, o) for o in objects],
             "-o", new, "-lpthread"], self.log, False)
        return new

    def test(self, builds):
        """Return: the first test that fails, or nothing"""
        for build, command in self.tests:
            words = command.format(**self.values).split()
            program = self.link(build, words[0], builds.get(build, {}))
            if not run([program, *words[1:]], self.log):
                return command.split()[0]
        return ""

    def try_one(self, mutant, text):
        """Return: a verdict, and which test has noticed"""
        path = os.path.join(self.tree, LIBRARY, mutant.file)
        before = os.stat(path)
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write(mutant.apply(text))
            return self.verdict(mutant.file)
        finally:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def verdict(self, name):
        builds = Builds(self, name)
        first = builds.get("12")
        if first is None:
            return "does not compile", ""
        if self.is_same(first):
            return "equal", "the same code"
        failed = self.test(builds)
        return ("noticed", failed) if failed else ("survived", "")

    def digest(self):
        """Of the tests: what has survived is tried again when they change."""
        names = [os.path.join(folder, name) for folder, _, found in os.walk(USER)
                 for name in found if re.search(r"\.[ch]$|Makefile$", name)]
        return names + [os.path.join(TOP, "selftests/io_pgtable/model.c")]

    def end(self):
        shutil.rmtree(os.path.join(self.folder, "changed"), ignore_errors=True)


class Builds:
    """What the change makes of each build, when that is asked for"""

    def __init__(self, library, name):
        self.library = library
        self.name = name
        self.made = {}

    def get(self, build, default=None):
        if build not in self.made:
            self.made[build] = self.library.compile(build, self.name)
        return self.made[build]
