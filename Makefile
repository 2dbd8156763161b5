# SPDX-License-Identifier: GPL-2.0-only
#
# For people; kbuild and dkms read Kbuild. "make help" lists what there is.

RELEASE ?= $(shell uname -r)
# KERNEL_SRC and KERNELSRC are the names that Yocto recipes use.
KDIR ?= $(or $(KERNEL_SRC),$(KERNELSRC),/lib/modules/$(RELEASE)/build)
VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
MACHINE := selftests/machine

# ARCH, CROSS_COMPILE, INSTALL_MOD_PATH and the like reach kbuild by themselves.
kbuild = $(MAKE) --no-print-directory -C $(KDIR) M=$(CURDIR)

all: modules

modules modules_install: headers
	$(kbuild) $@

install: modules modules_install
	depmod -b "$(or $(INSTALL_MOD_PATH),/)" $(kernel-release)

# Where modules_install puts them: extra/ until 6.1, updates/ later.
uninstall: headers
	@find $(foreach folder,extra updates,\
		$(INSTALL_MOD_PATH)/lib/modules/$(kernel-release)/$(folder)) \
		\( -name 'io-pgtable-arm-deferred.ko*' \
		-o -name 'ipmmu-vmsa-deferred.ko*' \) -print -delete 2>/dev/null || true
	depmod -b "$(or $(INSTALL_MOD_PATH),/)" $(kernel-release)

# "make kernelrelease" leaves out what distributions append.
kernel-release = $(shell sed -n 's/^\#define UTS_RELEASE "\(.*\)"/\1/p' \
	$(KDIR)/include/generated/utsrelease.h)

clean:
	@if [ -e $(KDIR)/Makefile ]; then $(kbuild) clean; fi
	rm -rf build/modules build/selftests build/log

distclean:
	@if [ -e $(KDIR)/Makefile ]; then $(kbuild) clean; fi
	rm -rf build

headers:
	@test -e $(KDIR)/Makefile || { \
		echo "make: no kernel headers in $(KDIR)." >&2; \
		echo "On Debian: apt install linux-headers-$(RELEASE)." \
		     "Elsewhere set KDIR, with ARCH=arm64 and CROSS_COMPILE" \
		     "when building on another machine." >&2; \
		exit 1; }

check:
	@$(MACHINE)/check

check-protocol:
	@selftests/protocol/check

test:
	@$(MACHINE)/test

# In user space alone, without the emulated host
test-user:
	@selftests/user/test.sh

test-long:
	@USER_OPS=10000000 selftests/user/test.sh

FUZZ_SECONDS ?= 600
fuzz:
	@USER_FUZZ=$(FUZZ_SECONDS) selftests/user/test.sh

test-debug:
	@$(MACHINE)/test-debug

test-stress:
	@KIND=stress $(MACHINE)/test 6.1 6.12

test-versions:
	@$(MACHINE)/test-versions

demo:
	@$(MACHINE)/demo

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
	@echo "  install          modules, modules_install and depmod"
	@echo "  uninstall        remove them again"
	@echo "  clean            remove what was built; downloads stay"
	@echo "  distclean        remove the downloads, too"
	@echo
	@echo "On any Debian 12 amd64 machine; each does all set-up by itself:"
	@echo "  demo             the main job, on an emulated R-Car Gen3 host"
	@echo "  test             all tests there, on all supported kernels"
	@echo "  test-user        the library in user space, under ASan, UBSan and TSan"
	@echo "  test-long        the same with 10 million random operations"
	@echo "  fuzz             the same with the fuzzer at work for FUZZ_SECONDS [600]"
	@echo "  test-stress      the reclaimer under stress there; wants an idle machine"
	@echo "  test-versions    all tests, on 5.10 (the library alone) and 7.3"
	@echo "  test-debug       tests on kernels built with KASAN, lockdep and KCSAN"
	@echo "  bench            the benchmark there, with plots (BENCH_FLAGS)"
	@echo "  bench-smp        map and unmap on all CPUs of this machine, in a minute (BENCH_SMP_FLAGS)"
	@echo "  profile          where the instructions go, by function (PROFILE_FLAGS)"
	@echo "  check            compiler, sparse, checkpatch and shellcheck"
	@echo "  check-protocol   the life of a page table, all of it, by a model checker"
	@echo "  shell            a shell on the emulated host"

.PHONY: all modules modules_install install uninstall clean distclean headers \
	check check-protocol test test-user test-long fuzz test-stress test-debug \
	test-versions demo bench bench-smp profile shell help
