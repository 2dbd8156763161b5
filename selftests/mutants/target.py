# SPDX-License-Identifier: GPL-2.0-only
"""A copy of some sources, and one change in it at a time."""

import os
import re
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Target:
    """What mistakes are put into"""

    sources = ""    # the folder of them, below TOP

    def __init__(self, folder):
        self.folder = folder
        self.tree = os.path.join(folder, "source")
        self.log = os.path.join(folder, "log")

    def copy(self, *folders):
        """Files that are as before keep their time, and their objects; others have a new one."""
        for name in folders:
            os.makedirs(os.path.join(self.tree, name), exist_ok=True)
            subprocess.run(["rsync", "-r", "--delete", "--include=*/", "--exclude=*.mod.c",
                            "--include=*.[ch]", "--include=*.mk", "--include=Kbuild",
                            "--exclude=*", "--checksum", os.path.join(TOP, name) + "/",
                            os.path.join(self.tree, name) + "/"], check=True)

    def files(self):
        """Each file in which there may be a mistake: its name, and its text"""
        folder = os.path.join(self.tree, self.sources)
        for name in sorted(os.listdir(folder)):
            if re.search(r"(?<!\.mod)\.[ch]$", name) and not name.startswith("trace"):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    yield name, file.read()

    def try_one(self, mutant, text):
        """Return: a verdict, and which test has noticed"""
        path = os.path.join(self.tree, self.sources, mutant.file)
        before = os.stat(path)
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write(mutant.apply(text))
            return self.verdict(mutant.file)
        finally:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def group(self, _name):
        """Of a file: which of the sums at the end a mistake in it is in"""
        return "all"

    def end(self):
        """Takes away what a later run does not go on from"""
