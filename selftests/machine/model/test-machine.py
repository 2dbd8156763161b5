#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The model in the real QEMU, driven over the qtest protocol; speaks KTAP.

There is no guest: this program writes memory and registers as a driver would.
Usage: test-machine.py ipmmu-model.so (accel-qtest.so beside it)

Copyright The ipmmu-deferred authors
"""
import os
import re
import subprocess
import sys

ECAM = 0x3F000000		# virt's, with highmem=off
BAR_BASE = 0x10000000		# virt's PCI memory window
GICD_ISPENDR = 0x08000200
IPMMU_INTERRUPT = 32 + 196
ROOT, CACHE0, CACHE1 = 0x0B000000, 0x0B010000, 0x0B020000
CONTEXT = 1
IMCTR, IMTTBCR, IMTTLBR0, IMTTUBR0 = 0x00, 0x08, 0x10, 0x14
IMTTLBR1, IMTTUBR1, IMSTR, IMELAR, IMEUAR = 0x18, 0x1C, 0x20, 0x30, 0x34
IMSCTLR = 0x500
VA64, INTEN, FLUSH, MMUEN = 1 << 29, 4, 2, 1
TABLES = 0x40100000
DATA = 0x40200000
COPY = 0x40300000
DELAY = 5000			# ns, set on the command line


def header(name):
    """The numbers of witness.h, by name."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), name)) as file:
        text = file.read()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    numbers = {}
    for key, value in re.findall(r"^#define\s+(\w+)[ \t]+([^\n]+)$", text, flags=re.M):
        value = re.sub(r"(\d)(ull|u)\b", r"\1", value.replace("ull", ""))
        numbers[key] = eval(value, {}, dict(numbers))
    for body in re.findall(r"enum\s+\w+\s*\{(.*?)\}", text, flags=re.S):
        number = 0
        for item in body.split(","):
            key, _, value = item.partition("=")
            if key.strip():
                number = int(value, 0) if value else number
                numbers[key.strip()] = number
                number += 1
    return numbers


W = header("witness.h")


class Machine:
    """QEMU, the two kinds of devices, and a driver's few moves."""

    def __init__(self, model, gic):
        accelerator = os.path.join(os.path.dirname(model), "accel-qtest.so")
        environment = dict(os.environ, LD_PRELOAD=f"{model}:{accelerator}")
        self.qemu = subprocess.Popen(
            ["qemu-system-aarch64", "-accel", "qtest", "-qtest", "stdio",
             "-qtest-log", "none", "-display", "none", "-nic", "none",
             "-machine", f"rcar-gen3,highmem=off,gic-version={gic},flush-delay-ns={DELAY}",
             "-cpu", "cortex-a57", "-m", "64",
             "-device", "ipmmu-witness,addr=c", "-device", "ipmmu-dma,addr=2",
             "-device", "ipmmu-dma,addr=9", "-device", "ipmmu-dma,addr=d"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.witness = self.add_bar(0xC)
        self.dma = {slot: self.add_bar(slot) for slot in (2, 9, 0xD)}

    def ask(self, line):
        self.qemu.stdin.write(line + "\n")
        self.qemu.stdin.flush()
        while True:
            answer = self.qemu.stdout.readline()
            if not answer:
                raise RuntimeError(f"QEMU went away at '{line}'")
            if answer.startswith("OK"):
                return answer.split()[1:]
            if not answer.startswith("IRQ"):
                raise RuntimeError(f"'{line}' answered '{answer.strip()}'")

    def close(self):
        self.qemu.stdin.close()
        self.qemu.terminate()
        self.qemu.wait(timeout=10)

    def read(self, address, size="l"):
        return int(self.ask(f"read{size} {address:#x}")[0], 0)

    def write(self, address, value, size="l"):
        self.ask(f"write{size} {address:#x} {value:#x}")

    def step(self, ns):
        self.ask(f"clock_step {ns}")

    def add_bar(self, slot):
        config = ECAM + (slot << 15)
        base = BAR_BASE + slot * 0x100000
        self.write(config + 0x10, base)
        self.write(config + 0x04, 6, "w")	# memory, bus master
        return base

    # The witness
    def clear(self):
        self.write(self.witness + W["WITNESS_CLEAR"], 1, "q")

    def errors(self):
        count = self.read(self.witness + W["WITNESS_ERRORS"], "q")
        found = []
        for index in range(count):
            self.write(self.witness + W["WITNESS_ERROR_SELECT"], index, "q")
            found.append(self.read(self.witness + W["WITNESS_ERROR_KIND"], "q"))
        return found

    def counter(self, name):
        self.write(self.witness + W["WITNESS_COUNTER_SELECT"], W[name], "q")
        return self.read(self.witness + W["WITNESS_COUNTER_VALUE"], "q")

    def walk(self, iova):
        self.write(self.witness + W["WITNESS_WALK_TTBR"], TABLES, "q")
        self.write(self.witness + W["WITNESS_WALK_CONTROL"], 1 | 25 << 8, "q")
        self.write(self.witness + W["WITNESS_WALK_IOVA"], iova, "q")
        return [self.read(self.witness + W["WITNESS_WALK_" + field], "q")
                for field in ("STATUS", "PA", "LEVEL", "PROT")]

    # The DMA engine
    def run(self, slot, command, src, dst=0, length=0):
        base = self.dma[slot]
        for name, value in (("DMA_SRC", src), ("DMA_DST", dst), ("DMA_LEN", length),
                            ("DMA_COMMAND", W[command])):
            self.write(base + W[name], value, "q")
        return (self.read(base + W["DMA_STATUS"], "q"), self.read(base + W["DMA_RESULT"], "q"))

    def translate(self, slot, iova):
        status, result = self.run(slot, "DMA_TRANSLATE_READ", iova)
        return result if status == W["DMA_OK"] else None

    # A driver
    def context(self, unit, register, value, context=CONTEXT):
        self.write(unit + 0x40 * context + register, value)

    def root(self, register):
        return self.read(ROOT + 0x40 * CONTEXT + register)

    def map_page(self, index, address):
        """IOVA index * 4 KiB, below 2 MiB"""
        self.write(TABLES, (TABLES + 0x1000) | 3 | 1 << 63, "q")
        self.write(TABLES + 0x1000, (TABLES + 0x2000) | 3 | 1 << 63, "q")
        self.write(TABLES + 0x2000 + 8 * index, address | 0x463 if address else 0, "q")

    def enable(self):
        for unit in (ROOT, CACHE0, CACHE1):
            self.write(unit + IMSCTLR, 0)
        self.context(ROOT, IMTTBCR, 1 << 31 | 25 << 16 | 25)
        for low, high in ((IMTTLBR0, IMTTUBR0), (IMTTLBR1, IMTTUBR1)):
            self.context(ROOT, low, TABLES)
            self.context(ROOT, high, 0)
        self.flush()
        # Slots 2 and 9
        self.write(CACHE0 + 0x300 + 16 * (2 * 8), CONTEXT << 4 | FLUSH | MMUEN)
        self.write(CACHE1 + 0x300 + 16 * (3 * 8), CONTEXT << 4 | FLUSH | MMUEN)

    def flush(self, units=(CACHE0, CACHE1, ROOT)):
        for unit in units:
            self.context(unit, IMCTR, INTEN | FLUSH | MMUEN | (VA64 if unit == ROOT else 0))
        self.step(DELAY)
        self.root(IMCTR)

    def pending(self):
        word = self.read(GICD_ISPENDR + 4 * (IPMMU_INTERRUPT // 32))
        return word >> IPMMU_INTERRUPT % 32 & 1


failures = []


def check(what, got, want):
    if got != want:
        failures.append(what)
        print(f"# {what}: {got}, should be {want}")


def kinds(*names):
    return [W["WITNESS_ERROR_" + name] for name in names]


def test_devices(m):
    """machine: witness, DMA engines, register access"""
    check("witness", m.read(m.witness, "q"), W["WITNESS_ID_VALUE"])
    check("engine", m.read(m.dma[2], "q"), W["DMA_ID_VALUE"])
    check("IMSCTLR", m.read(CACHE1 + IMSCTLR), 1 << 28)
    m.read(ROOT, "w")
    m.read(ROOT, "q")
    check("widths", m.errors(), kinds("SIZE", "SIZE"))
    m.write(m.witness + W["WITNESS_WALK_TTBR"] + 4, 0x12)
    m.write(m.witness + W["WITNESS_WALK_TTBR"], 0x34000)
    check("two halves", m.read(m.witness + W["WITNESS_WALK_TTBR"], "q"), 0x1200034000)
    m.clear()


def test_bypass(m):
    """machine: bypass, and a slot without IPMMU"""
    m.write(DATA, 0x1122334455667788, "q")
    for slot in (2, 9, 0xD):
        check("status", m.run(slot, "DMA_COPY", DATA, COPY + slot * 8, 8), (W["DMA_OK"], 8))
        check("data", m.read(COPY + slot * 8, "q"), 0x1122334455667788)
    # Two accesses each, from the two slots behind an IPMMU
    check("bypasses", m.counter("WITNESS_BYPASSES") >= 4, True)
    check("translations", m.counter("WITNESS_TRANSLATIONS"), 0)
    check("errors", m.errors(), [])


def test_dma(m):
    """machine: DMA through tables, both caches"""
    for page in range(4):
        m.map_page(page, DATA + 0x10000 * page)
        m.write(DATA + 0x10000 * page + 0xFF8, page, "q")
    m.enable()
    check("copy", m.run(9, "DMA_COPY", 0x0, 0x2000, 0x2000), (W["DMA_OK"], 0x2000))
    check("first page", m.read(DATA + 0x20FF8, "q"), 0)
    check("second page", m.read(DATA + 0x30FF8, "q"), 1)
    check("to the buffer", m.run(2, "DMA_READ", 0x3FF8, 16, 8), (W["DMA_OK"], 8))
    check("buffer", m.read(m.dma[2] + W["DMA_BUFFER"] + 16, "q"), 1)
    m.write(m.dma[2] + W["DMA_BUFFER"], 0xABCD, "q")
    check("from the buffer", m.run(2, "DMA_WRITE", 0, 0x1000, 8), (W["DMA_OK"], 8))
    check("written", m.read(DATA + 0x10000, "q"), 0xABCD)
    check("translation", m.translate(2, 0x1234), DATA + 0x10234)
    check("out of the buffer", m.run(2, "DMA_READ", 0, 0xFFFF, 8)[0], W["DMA_BAD"])
    check("no such command", m.run(2, "WITNESS_COUNTERS", 0)[0], W["DMA_BAD"])
    check("witness walk", m.walk(0x1234), [W["WITNESS_WALK_OK"], DATA + 0x10234, 3, 7])
    check("witness walk", m.walk(0x9000)[0], W["WITNESS_WALK_TRANSLATION"])
    check("errors", m.errors(), [])


def test_fault(m):
    """machine: a fault stops DMA and raises the interrupt"""
    check("status", m.run(2, "DMA_READ", 0x9123, 0, 8)[0], W["DMA_FAULT"])
    check("pending", m.pending(), 1)
    check("address", (m.root(IMELAR), m.root(IMEUAR)), (0x9123, 0))
    check("IMSTR", m.root(IMSTR), 0x3001)
    m.context(ROOT, IMSTR, 0)
    check("not pending", m.pending(), 0)
    check("errors", m.errors(), [])


def test_right(m):
    """machine: a right unmap leaves nothing"""
    m.map_page(0, 0)
    m.flush()
    check("translation", m.translate(2, 0), None)
    m.map_page(0, DATA)
    check("mapped again", m.translate(2, 0), DATA)
    check("stale", m.counter("WITNESS_STALE_HITS"), 0)
    check("errors", m.errors(), [])


def test_missing_flush(m):
    """machine: a missing flush is caught"""
    m.map_page(0, COPY)
    check("stale", m.translate(2, 0), DATA)
    check("errors", m.errors(), kinds("STALE_WALK"))
    m.clear()
    m.flush()
    check("fresh", m.translate(2, 0), COPY)


def test_early_flush(m):
    """machine: a flush before the detach is caught"""
    m.flush()
    m.map_page(0, 0)
    check("stale", m.translate(2, 0), COPY)
    check("errors", m.errors(), kinds("STALE_WALK"))
    m.clear()
    m.flush()
    check("fresh", m.translate(2, 0), None)


def test_root_only(m):
    """machine: a flush of the root only is caught"""
    check("loaded", m.translate(9, 0x1000), DATA + 0x10000)
    m.map_page(1, 0)
    m.flush((ROOT,))
    check("stale", m.translate(9, 0x1000), DATA + 0x10000)
    # Both caches have the context; the translation went through one
    check("errors", sorted(m.errors()), kinds("FLUSH_PARTIAL", "FLUSH_PARTIAL", "STALE_WALK"))
    m.clear()
    m.flush()
    check("fresh", m.translate(9, 0x1000), None)


def test_wrong_descriptor(m):
    """machine: wrong descriptors are caught"""
    good = DATA | 0x463
    m.context(ROOT, IMSTR, 0)
    for descriptor, status in ((good & ~2, 0x3101), (good | 1 << 40, 0x3101),
                               (good & ~(1 << 10), 0x3402), (good & ~(1 << 5), 0x3502),
                               (good & ~(1 << 6), 0x3402), (good & ~1, 0x3001)):
        m.clear()
        m.write(TABLES + 0x2000 + 8 * 7, descriptor, "q")
        m.root(IMELAR), m.root(IMEUAR)
        m.context(ROOT, IMSTR, 0)
        check(f"{descriptor:#x}", m.translate(2, 0x7000), None)
        check(f"{descriptor:#x}: IMSTR", m.root(IMSTR), status)
        check("address", (m.root(IMELAR), m.root(IMEUAR)), (0x7000, 0))
        check("errors", m.errors(), [])
    m.context(ROOT, IMSTR, 0)


def test_delay(m):
    """machine: FLUSH reads one until its time has passed"""
    m.context(CACHE0, IMCTR, INTEN | FLUSH | MMUEN)
    m.context(CACHE1, IMCTR, INTEN | FLUSH | MMUEN)
    m.context(ROOT, IMCTR, VA64 | INTEN | FLUSH | MMUEN)
    m.step(DELAY - 1)
    check("not done", m.root(IMCTR) & FLUSH, FLUSH)
    m.step(1)
    check("done", m.root(IMCTR) & FLUSH, 0)
    m.write(m.witness + W["WITNESS_FLUSH_DELAY_NS"], (1 << 64) - 1, "q")
    m.flush()
    m.step(10**12)
    check("never", m.root(IMCTR) & FLUSH, FLUSH)
    check("errors", m.errors(), [])


def test_verdict(m):
    """machine: an error is told with its place, and cleared"""
    m.context(CACHE1, IMTTLBR0, 0xFFF)
    check("errors", m.errors(), kinds("BAD_OFFSET"))
    fields = [m.read(m.witness + W["WITNESS_ERROR_" + field], "q")
              for field in ("IPMMU", "OFFSET", "VALUE", "CONTEXT")]
    check("place", fields, [2, 0x40 * CONTEXT + IMTTLBR0, 0xFFF, CONTEXT])
    m.clear()
    check("cleared", m.errors(), [])


TESTS = [test_devices, test_bypass, test_dma, test_fault, test_right, test_missing_flush,
         test_early_flush, test_root_only, test_wrong_descriptor, test_delay, test_verdict]


def run_tests(model, gic, number):
    failed = 0
    machine = Machine(model, gic)
    for test in TESTS:
        failures.clear()
        try:
            test(machine)
        except RuntimeError as error:
            failures.append(str(error))
            print(f"# {error}")
        number += 1
        print(f"{'not ' if failures else ''}ok {number} {test.__doc__}, GICv{gic}", flush=True)
        failed += bool(failures)
    machine.close()
    return failed


def main():
    if len(sys.argv) != 2 or not os.path.exists(sys.argv[1]):
        sys.exit("usage: test-machine.py ipmmu-model.so (made by build.sh)")
    model = os.path.abspath(sys.argv[1])
    print(f"TAP version 13\n1..{2 * len(TESTS)}", flush=True)
    failed = run_tests(model, 2, 0) + run_tests(model, 3, len(TESTS))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
