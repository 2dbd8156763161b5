# SPDX-License-Identifier: GPL-2.0-only
"""The library with a mistake in it, built for user space and tested there."""

import os
import re
import resource
import shlex
import shutil
import signal
import subprocess

from target import TOP, Target

LIBRARY = "drivers/iommu/io-pgtable-arm-deferred"
USER = os.path.join(TOP, "selftests/user")
OBJCOPY = "llvm-objcopy-14"

# What a mistake is to be found in, and which files are policy and accounting
POLICY = """batch.c cursor.c debugfs.c dump.c due.c epoch.c hist.h overlap.c pages.c params.c
	reclaim.c refill.c trim.c shrink.c wait.c reclaim.h reclaim-parts.h""".split()

# What is built: as for most kernels, and as for those that lack what these have, or
# have more; and which tests there are for those
MOST = "12"
LATE = "12-6.16"
LATE_TESTS = "formats drivers fuzz random scenes pages nth".split()

# What "make show" calls the flags that the library alone is compiled with
EXTRA = {MOST: "coverage", LATE: "coverage", "guards": "guards-library"}

# The tests, those first that take the least: which build, seconds of a CPU, and the
# command in it
TESTS = [
    ("12", 1, "formats"),
    ("12", 1, "drivers"),
    ("12", 1, "policy"),
    ("12", 1, "waits"),
    ("12", 1, "overlap"),
    ("guards", 1, "policy"),
    ("guards", 1, "waits"),
    ("guards", 1, "pages"),
    ("guards", 1, "scenes --seed={seed}"),
    ("guards", 1, "random --ops=100000 --seed={seed}"),
    ("12", 1, "epochs --rounds=4 --seed={seed}"),
    ("12", 1, "fuzz -runs=0 {corpus}"),
    ("12", 1, "random --ops=12000 --seed={seed}"),
    ("12", 1, "scenes --seed={seed}"),
    ("12", 1, "pages"),
    ("12", 2, "random --ops=24000 --round=21 --seed={next}"),
    ("12", 3, "nth --states=1 --seed={seed}"),
    ("threads-address", 1, "detach"),
    ("threads-address", 4, "threads --rounds=300 --seed={seed}"),
    ("threads-thread", 3, "threads --rounds=120 --seed={seed}"),
    ("12", 9, "meet --every=40 --seed={seed}"),
    ("12", 6, "random --ops=60000 --round=40 --seed={last}"),
    ("12", 32, "meet --every=8 --seed={next}"),
]

# A test counts as hung after a multiple of that, and more; on the clock, much later.
TIMES = 4
MORE = 8
CLOCK = 15


def run(command, log, limit=None):
    """Return: did it succeed? A command that hangs does not."""
    def limits():
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if limit:
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))

    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT,
                                   preexec_fn=limits, cwd=USER)
        try:
            return process.wait(CLOCK * limit if limit else None) == 0
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return False
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise


class NotLinked(Exception):
    """What is asserted at compile time, for one, is a symbol that there is not."""


class Library(Target):
    """A copy of the library, and what has been built of it"""

    sources = LIBRARY

    def __init__(self, folder, seed):
        super().__init__(folder)
        self.objects = os.path.join(folder, "objects")
        corpus = "%s %s" % (os.path.join(folder, "corpus"), os.path.join(USER, "corpus"))
        self.values = {"seed": seed, "next": seed + 1, "last": seed + 2, "corpus": corpus}
        self.flags = {}
        self.tests = [t for t in TESTS if os.path.exists(
            os.path.join(USER, t[2].split()[0] + ".c"))]

    def group(self, name):
        return "policy and accounting" if name in POLICY else "structure and protocol"

    def make(self, *arguments):
        return ["make", "-s", "-j2", "-C", USER, "SOURCE=" + self.tree,
                "OUTPUT=" + self.objects, "KINDS=%s %s" % (MOST, LATE), *arguments]

    def prepare(self):
        """Return: do the tests compile?"""
        os.makedirs(os.path.join(self.folder, "corpus"), exist_ok=True)
        self.copy(LIBRARY, "include")
        if not run(self.make(), self.log):
            return False
        for line in subprocess.run(self.make("show"), check=True, text=True,
                                   stdout=subprocess.PIPE).stdout.splitlines():
            what, flags = line.split(":", 1)
            self.flags[what] = shlex.split(flags)
        return True

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
            extra = self.flags[EXTRA[build]] if own == "library" and build in EXTRA else []
            if not run([*self.flags[build], "-w", *extra, "-c", path, "-o", new],
                       self.log):
                return None
            made[old] = new
        return made

    def stripped(self, path):
        """What an object does: without what debuggers know of its source"""
        bare = os.path.join(self.folder, "changed", "stripped")
        run([OBJCOPY, "--strip-debug", path, bare], self.log)
        with open(bare, "rb") as file:
            return file.read()

    def is_same(self, made):
        return all(self.stripped(old) == self.stripped(new) for old, new in made.items())

    def objects_of(self, build, program, known={}):
        key = (build, program)
        if key not in known:
            command = self.make("objects-of-" + program, "BUILD=" + build)
            known[key] = subprocess.run(command, check=True, text=True,
                                        stdout=subprocess.PIPE).stdout.split()
        return known[key]

    def link(self, build, program, made):
        old = os.path.join(self.objects, build, program)
        if not made:
            return old
        objects = self.objects_of(build, program)
        new = os.path.join(self.folder, "changed", build + "-" + program)
        fuzz = ["-fsanitize=fuzzer"] if program == "fuzz" else []
        if not run([*self.flags[build + "-link"], *fuzz, *[made.get(o, o) for o in objects],
                    "-o", new, "-lpthread"], self.log):
            raise NotLinked
        return new

    def check(self):
        """Return: the first test that fails without a mistake, or nothing"""
        return self.test({}, MOST) or self.test({}, LATE)

    def tests_for(self, kind):
        if kind == MOST:
            return self.tests
        return [(LATE, seconds, command) for build, seconds, command in self.tests
                if build == MOST and command.split()[0] in LATE_TESTS]

    def test(self, builds, kind):
        """Return: the first test that fails, or nothing"""
        for build, seconds, command in self.tests_for(kind):
            words = command.format(**self.values).split()
            program = self.link(build, words[0], builds.get(build, {}))
            if not run([program, *words[1:]], self.log, TIMES * seconds + MORE):
                return command.split()[0]
        return ""

    def verdict(self, name):
        builds = Builds(self, name)
        verdict = "equal", "the same code"
        for kind in (MOST, LATE):
            made = builds.get(kind)
            if made is None:
                return "does not compile", ""
            if not self.is_same(made):
                try:
                    failed = self.test(builds, kind)
                except NotLinked:
                    return "does not compile", ""
                if failed:
                    return "noticed", failed
                verdict = "survived", ""
        return verdict

    def tested_by(self):
        """Files of the tests: what has survived is tried again when they change."""
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
