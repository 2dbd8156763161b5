# SPDX-License-Identifier: GPL-2.0-only
#
# For people; kbuild and dkms read Kbuild. "make help" lists what there is.

RELEASE ?= $(shell uname -r)
# KERNEL_SRC and KERNELSRC are the names that Yocto recipes use.
KDIR ?= $(or $(KERNEL_SRC),$(KERNELSRC),/lib/modules/$(RELEASE)/build)
VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
MACHINE := selftests/machine

# ARCH, CROSS_COMPILE, INSTALL_MOD_PATH and the like reach it by themselves.
for-kernel = KDIR="$(KDIR)" RELEASE="$(RELEASE)" MAKE="$(MAKE)" \
	CC="$(if $(filter command,$(origin CC)),$(CC))"

all: modules

modules modules_install:
	+@$(for-kernel) tools/kbuild $@

install: modules
	+@$(for-kernel) tools/kbuild modules_install
	@$(for-kernel) tools/installed depmod

uninstall:
	@$(for-kernel) tools/installed remove

sign:
	@$(for-kernel) tools/sign

# What kbuild leaves beside the sources, and no more: its own "clean" would go
# into build/, too, and take the modules of the kernels that were downloaded.
BUILT := board check check-kernel deb dt log modules mutants mutants-driver protocol selftests smmu user
clean:
	find drivers include \( -name '*.o' -o -name '*.ko' -o -name '*.mod' \
		-o -name '*.mod.c' -o -name '.*.cmd' -o -name '.*.d' \
		-o -name modules.order \) -delete
	rm -rf Module.symvers modules.order .*.cmd .module-common.* .tmp_versions
	rm -rf $(addprefix build/,$(BUILT))

distclean: clean
	rm -rf build

check:
	@$(MACHINE)/check

check-kernel:
	+@$(for-kernel) tools/check-kernel

check-protocol:
	@selftests/protocol/check

check-dt:
	@selftests/dt/check

test:
	@$(MACHINE)/test

# In user space alone, without the emulated host
test-user:
	@selftests/user/test.sh

test-long:
	@USER_OPS=10000000 selftests/user/test.sh

# One mistake at a time in a copy of the library: do the tests in user space
# notice?
MUTANTS_SAMPLE ?= 100
MUTANTS_SEED ?= 1
mutants:
	@selftests/mutants/run --sample=$(MUTANTS_SAMPLE) --seed=$(MUTANTS_SEED) $(MUTANTS)

# The same in the driver, with boots of 6.12 to notice
mutants-driver: MUTANTS_SAMPLE = 40
mutants-driver:
	@selftests/mutants/run --driver --sample=$(MUTANTS_SAMPLE) --seed=$(MUTANTS_SEED) $(MUTANTS)

FUZZ_SECONDS ?= 600
fuzz:
	@USER_FUZZ=$(FUZZ_SECONDS) selftests/user/test.sh

# The tests and the modules for the kernel in KDIR, to be run on a board
selftests-tar:
	+@$(for-kernel) tools/selftests-tar

# The Debian package of what is committed, in build/deb/
deb:
	@tools/deb

# The tarball for boards, as a board would run it
test-board:
	@$(MACHINE)/test-board

# Both drivers as a part of kernels that are built here
test-builtin:
	@$(MACHINE)/test-builtin

# What the README says about DKMS, with headers of two kernels
test-dkms:
	@selftests/package/dkms.sh

# What Documentation/install.md says about DKMS and the package, in Debians
# that are booted; DEBIAN: which of them, and which stages
test-debian:
	@$(MACHINE)/test-debian $(DEBIAN)

# What make itself does and says, without the emulated host
test-package:
	@$(MACHINE)/setup 6.12
	@selftests/package/test.sh

# Other people's programs and tests
test-clients:
	@$(MACHINE)/test-clients

# What is written about devices for guests, done as it is written
test-recipe:
	@$(MACHINE)/test-recipe

# A user without privileges who fills and empties containers of VFIO
test-crowd:
	@$(MACHINE)/test-crowd

# Several devices busy at once, beside the kernel's own driver; LOAD_FLAGS
test-load:
	@$(MACHINE)/test-load $(LOAD_FLAGS)

# iommufd and VFIO's device nodes, built as modules
test-iommufd:
	@$(MACHINE)/test-iommufd

test-debug:
	@$(MACHINE)/test-debug

window:
	@$(MACHINE)/window

test-stress:
	@KIND=stress BOOTS_ONLY=yes $(MACHINE)/test 6.1 6.12

coverage:
	@$(MACHINE)/coverage $(COVERAGE_BOOTS)

test-versions:
	@$(MACHINE)/test-versions

demo:
	@$(MACHINE)/demo

# A disk assigned to a guest with KVM on the emulated host
demo-guest:
	@$(MACHINE)/demo-guest

bench:
	@$(MACHINE)/bench $(BENCH_FLAGS)

bench-smp:
	@selftests/bench/smp/run $(BENCH_SMP_FLAGS)

profile:
	@$(MACHINE)/profile $(PROFILE_FLAGS)

shell:
	@$(MACHINE)/shell

help:
	@echo "ipmmu-deferred $(VERSION)"
	@echo
	@echo "On the host with the IPMMU (or for it: KDIR, ARCH=arm64, CROSS_COMPILE):"
	@echo "  all, modules     build the modules against KDIR [$(KDIR)]"
	@echo "  modules_install  install them (INSTALL_MOD_PATH)"
	@echo "  sign             sign what was built, with KEY and CERT"
	@echo "  install          modules, modules_install and depmod"
	@echo "  uninstall        remove them again (not those that DKMS installed)"
	@echo "  selftests-tar    the tests as a tarball for a board, in build/board/"
	@echo "  check-kernel     do both modules fit that kernel? built with W=1, symbols compared"
	@echo "  clean            remove what was built; downloads stay"
	@echo "  distclean        remove the downloads, too"
	@echo
	@echo "On a Debian machine:"
	@echo "  deb              the Debian package ipmmu-deferred-dkms, in build/deb/"
	@echo
	@echo "On any Debian 12 amd64 machine; each does all set-up by itself:"
	@echo "  demo             the main job, on an emulated R-Car Gen3 host"
	@echo "  demo-guest       a disk assigned to guests with KVM there, killed in mid-I/O"
	@echo "  test             all tests there, on all supported kernels"
	@echo "  test-user        the library in user space, under ASan, UBSan and TSan"
	@echo "  test-long        the same with 10 million random operations"
	@echo "  fuzz             the same with the fuzzer at work for FUZZ_SECONDS [600]"
	@echo "  mutants          tries MUTANTS_SAMPLE [100] mistakes in the library: do tests notice?"
	@echo "  mutants-driver   the same in the driver [40], noticed by boots of 6.12: hours"
	@echo "  test-package     building, installing and signing, and what can be wrong with it"
	@echo "  test-builtin     both drivers built into 6.12 and 7.3 from source, which are booted"
	@echo "  test-dkms        install, a second kernel and removal by dkms, as in the README"
	@echo "  test-debian      DKMS with a kernel upgrade, and the package, in Debian 12 and 13 that boot from a disk"
	@echo "  test-board       what selftests-tar makes, as a board would run it"
	@echo "  window           a device that does DMA for a minute there while it is moved about"
	@echo "  test-stress      the reclaimer under stress there; wants an idle machine"
	@echo "  test-versions    what test leaves out on 5.10, 6.1 and 7.3"
	@echo "  test-clients     other people's programs and tests on the library and the driver"
	@echo "  test-recipe      each command and refusal in Documentation/vfio.md, as it stands there"
	@echo "  test-crowd       a user of VFIO without privileges against the rest of the host"
	@echo "  test-load        six devices busy at once, lazy and strict, and behind SMMUv3 (LOAD_FLAGS)"
	@echo "  test-iommufd     a device in the hands of iommufd there, which Debian's kernels lack"
	@echo "  test-debug       tests on kernels built with KASAN, lockdep and KCSAN"
	@echo "  coverage         lines of the driver that no test reaches (COVERAGE_BOOTS: which boots)"
	@echo "  bench            the benchmark there, with plots (BENCH_FLAGS)"
	@echo "  bench-smp        map and unmap on all CPUs of this machine, in a minute (BENCH_SMP_FLAGS)"
	@echo "  profile          where the instructions go, by function (PROFILE_FLAGS)"
	@echo "  check            compiler, sparse, checkpatch, kernel-doc and shellcheck"
	@echo "  check-protocol   the life of a page table, all of it, by a model checker"
	@echo "  check-dt         each Renesas board of Debian's kernel source, as the driver sees it"
	@echo "  shell            a shell on the emulated host"

.PHONY: window deb selftests-tar test-board test-builtin test-debian test-dkms all modules modules_install install \
	uninstall sign clean distclean check check-kernel check-protocol check-dt test \
	test-user mutants mutants-driver test-clients test-package test-long fuzz test-stress test-debug test-iommufd \
	test-recipe test-crowd test-load coverage test-versions demo demo-guest bench bench-smp profile shell help
