# SPDX-License-Identifier: GPL-2.0-only
"""The driver with a mistake in it, built for a kernel and booted there."""

import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess

from target import TOP, Target

DRIVER = "drivers/iommu/ipmmu-vmsa"
MACHINE = os.path.join(TOP, "selftests/machine")
SERIES = "6.12"
OBJCOPY = "aarch64-linux-gnu-objcopy"

# The boots of "plan" that reach a file, those first that are likely to notice;
# behind a "/" some of its tests, instead of all
BOOTS = {
    "admit.c": "vfio noncoherent promised",
    "context.c": "dma/dma,faults dma/failures,shutdown power suspend hammer",
    "debugfs.c": "observe suspend exhausted",
    "device.c": "dma/dma,faults observe exhausted bad-utlb vfio suspend missing",
    "domain.c": "dma/dma,faults dma/late,failures teardown vfio suspend",
    "dump.c": "observe suspend",
    "encode.c": "dma/dma,faults h3 v4h",
    "fault.c": "dma/faults dma/dma,late power suspend",
    "group.c": "suspend dma/dma exhausted window vfio",
    "hw.c": "dma/dma,faults dma/late,failures suspend hammer power v4h",
    "ipmmu.h": "dma/dma,faults suspend",
    "main.c": "dma/dma takeover module power wrong-main two-mains missing",
    "power.c": "suspend power dma/shutdown missing",
    "root.c": "dma/dma,faults power takeover suspend bounce too-many missing",
    "soc.c": "h3 v4h dma/dma unknown",
    "utlb.c": "dma/dma takeover suspend exhausted bad-utlb v4h",
}

# An index beyond an array is an exception of the processor: what lies there is
# often zero, and does nothing.
FLAGS = "KCFLAGS=-fsanitize=bounds-strict -fsanitize-undefined-trap-on-error"

# Seconds for a boot on a quiet machine; "boot" gives it more on another.
LIMIT = 300

# What says that a test has failed, by itself or by a case below it
FAILED = re.compile(r"(?:# *)*not ok \d+ (?!.*# SKIP)|.* cannot be loaded")
TEST = re.compile(r"# selftests: [\w/]+: (\S+)")

# How "boot" ends where no test says so
ENDS = {124: "time", 125: "kernel", 126: "start"}


def run(command, log):
    """Return: did it succeed? With it end those that it has started."""
    with open(log, "ab") as out, \
            subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT,
                             stdin=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            return process.wait() == 0
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def c_files(part):
    """The sources of a part of the repository, and its scripts"""
    return [os.path.join(folder, name)
            for folder, _, found in os.walk(os.path.join(TOP, part))
            for name in found if re.search(r"(?<!\.mod)\.[ch]$|\.sh$", name)]


def plan(name):
    """The options of a boot, and its tests"""
    with open(os.path.join(MACHINE, "plan"), encoding="utf-8") as file:
        for line in file:
            part = [word.strip() for word in line.split("|")]
            kinds = set((part + ["full"])[3].split()) if len(part) > 2 else set()
            if part[0] == name and {"full", "full-all", SERIES} & kinds:
                return shlex.split(part[1]), part[2]
    raise ValueError("the plan has no boot for %s: %s" % (SERIES, name))


class Boot:
    """A boot of "plan", or some of its tests"""

    def __init__(self, text, folder):
        name, _, only = text.partition("/")
        self.text = text
        self.options, self.tests = plan(name)
        if only:
            self.tests = " ".join("-t ipmmu:" + test for test in only.split(","))
        # The emulator takes no comma in a path.
        self.log = os.path.join(folder, re.sub("[/,]", "-", text))
        self.test = "no test"

    def command(self, modules):
        return [os.path.join(MACHINE, "boot"), "--kernel", SERIES, "--timeout", str(LIMIT),
                "--modules", modules, "--log", self.log, *self.options, "--",
                "cd /selftests && ./run_kselftest.sh " + self.tests]

    def run(self, modules):
        """Return: what has noticed a mistake, or nothing. The first failure ends it."""
        os.makedirs(self.log, exist_ok=True)
        with open(os.path.join(self.log, "messages"), "wb") as messages, \
                open(os.path.join(self.log, "output"), "w", encoding="utf-8") as output, \
                subprocess.Popen(self.command(modules), stdout=subprocess.PIPE,
                                 stderr=messages, stdin=subprocess.DEVNULL, text=True,
                                 errors="replace") as process:
            try:
                failed = self.read(process.stdout, output)
            finally:
                self.end(process)
        if failed or process.returncode and process.returncode not in ENDS:
            return self.text + ": " + self.test
        if process.returncode or self.test == "no test":
            return self.text + ": " + ENDS.get(process.returncode, self.test)
        return ""

    def read(self, lines, output):
        """Return: does one say that a test has failed?"""
        self.test = "no test"
        for line in lines:
            output.write(line)
            began = TEST.match(line)
            if began:
                self.test = began.group(1)
            if FAILED.match(line):
                return True
        return False

    @staticmethod
    def end(process):
        """It has said all that there is to be known."""
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()


class Driver(Target):
    """A copy of both modules, and what has been built of it"""

    sources = DRIVER

    def __init__(self, folder, _seed):
        super().__init__(folder)
        self.clean = os.path.join(folder, "objects")
        self.modules = os.path.join(folder, "modules")
        self.good = os.path.join(folder, "good")

    def group(self, _name):
        return "driver"

    def prepare(self):
        """Return: do the modules compile, and the tests?"""
        for name in (self.clean, self.good, self.modules):
            os.makedirs(name, exist_ok=True)
        with open(self.log, "wb"):
            pass
        self.copy("drivers", "include")
        for name in ("Kbuild", "dkms.conf"):
            shutil.copy2(os.path.join(TOP, name), self.tree)
        if not run([os.path.join(MACHINE, "setup"), SERIES], self.log) or \
                not run([os.path.join(MACHINE, "compile"), SERIES], self.log) or \
                not self.build():
            return False
        self.keep_modules()
        return all(self.strip(name, self.clean) for name in self.objects())

    def objects(self):
        folder = os.path.join(self.tree, DRIVER)
        return [name[:-2] + ".o" for name in os.listdir(folder)
                if name.endswith(".c") and not name.endswith(".mod.c")]

    def build(self):
        """What has changed, as a module for the kernel"""
        script = '. "$0/lib/common.sh"; make_for_kernel "$@"'
        return run(["bash", "-c", script, MACHINE, SERIES, "M=" + self.tree, FLAGS,
                    "modules"], self.log)

    def keep_modules(self):
        """Those without a mistake, to be tried when one was noticed"""
        for folder, _, found in os.walk(self.tree):
            for name in found:
                if name.endswith(".ko"):
                    shutil.copy2(os.path.join(folder, name), self.modules)

    def strip(self, name, folder):
        """An object without what is there for debuggers, in another folder"""
        return run([OBJCOPY, "--strip-debug", os.path.join(self.tree, DRIVER, name),
                    os.path.join(folder, name)], self.log)

    def is_same(self):
        changed = os.path.join(self.folder, "changed")
        os.makedirs(changed, exist_ok=True)
        for name in self.objects():
            self.strip(name, changed)
            with open(os.path.join(self.clean, name), "rb") as one, \
                    open(os.path.join(changed, name), "rb") as other:
                if one.read() != other.read():
                    return False
        return True

    def check(self):
        """A boot is tried without a mistake once it has failed with one."""
        return ""

    def is_good(self, boot):
        """Does it pass without a mistake? Known for as long as nothing changes"""
        data = hashlib.sha1(boot.tests.encode())
        data.update(FLAGS.encode())
        for path in sorted(self.tests() + c_files("drivers")):
            with open(path, "rb") as file:
                data.update(file.read())
        known = os.path.join(self.good, "%s-%s" % (os.path.basename(boot.log),
                                                   data.hexdigest()[:12]))
        if not os.path.exists(known):
            if boot.run(self.modules):
                print("# fails without a mistake, and is no judge: " + boot.text, flush=True)
                return False
            with open(known, "wb"):
                pass
        return True

    def verdict(self, name):
        if not self.build():
            return "does not compile", ""
        if self.is_same():
            return "equal", "the same code"
        for text in BOOTS.get(name, BOOTS["ipmmu.h"]).split():
            boot = Boot(text, os.path.join(self.folder, "boots"))
            failed = boot.run(self.tree)
            if failed and self.is_good(boot):
                return "noticed", failed
        return "survived", ""

    def try_one(self, mutant, text):
        """The object goes, for the source is soon as old as before."""
        try:
            return super().try_one(mutant, text)
        finally:
            for name in self.objects() if mutant.file.endswith(".h") else [mutant.file]:
                path = os.path.join(self.tree, DRIVER, name[:-2] + ".o")
                if os.path.exists(path):
                    os.remove(path)

    @staticmethod
    def tests():
        return c_files("selftests/ipmmu") + c_files("selftests/vfio") + \
            c_files("selftests/machine/model") + [os.path.join(MACHINE, "plan")]

    def tested_by(self):
        """Files of the tests: what has survived is tried again when they change."""
        return self.tests() + [os.path.abspath(__file__)]

    def end(self):
        shutil.rmtree(os.path.join(self.folder, "changed"), ignore_errors=True)
