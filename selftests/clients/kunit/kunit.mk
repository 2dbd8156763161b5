# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel's KUnit cases for io-pgtable-arm with the library for user space:
#
#	make -C selftests/user -f ../clients/kunit/kunit.mk CASES=/folder
#
# CASES has io-pgtable-arm-selftests.c and its header, as the kernel has them.

.DEFAULT_GOAL := kunit
KINDS := 12-7.3
include Makefile

# As Linux 7.3 has it
KIND := $(KINDS)
KUNIT := $(TOP)/selftests/clients/kunit
PROGRAM := $(OUTPUT)/kunit/run
OBJECTS := $(addprefix $(OUTPUT)/$(KIND)/,$(LIBRARY_OBJECTS) $(SHIM_OBJECTS))

kunit: $(PROGRAM)

$(PROGRAM): $(CASES)/io-pgtable-arm-selftests.c $(wildcard $(KUNIT)/*.c $(KUNIT)/*/*.h) $(OBJECTS)
	@mkdir -p $(@D)
	@$(USER_CC) $(USER_CFLAGS) -I$(KUNIT) $(SANITIZE) $(call options,$(KIND)) -c $(KUNIT)/run.c \
		-o $(@D)/run.o
	@$(USER_CC) $(filter-out -W%,$(USER_CFLAGS)) -w -I$(KUNIT) -I$(CASES) $(SANITIZE) \
		$(call options,$(KIND)) -c $< -o $(@D)/cases.o
	@$(USER_CC) $(SANITIZE) $(@D)/run.o $(@D)/cases.o $(OBJECTS) -o $@ -lpthread

.PHONY: kunit
