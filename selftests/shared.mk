# SPDX-License-Identifier: GPL-2.0-only
#
# For the Makefile of a collection, in the place of the kernel's lib.mk: SHARED
# names the .c files that all of its programs are linked with, each compiled
# once. Headers are in LOCAL_HDRS, of ../Makefile.

include $(KSFT)/lib.mk

SHARED_OBJECTS :=

shared_name = $(OUTPUT)/shared/$(subst ../,,$(1:.c=.o))

# $(1): a .c file, here or in another collection
define shared_object
SHARED_OBJECTS += $(call shared_name,$(1))
$(call shared_name,$(1)): $(1) $(LOCAL_HDRS)
	@mkdir -p $$(@D)
	$$(call msg,CC,,$$@)
	$$(Q)$$(CC) $$(CFLAGS) -c -o $$@ $$<
endef

$(foreach file,$(SHARED),$(eval $(call shared_object,$(file))))

# lib.mk has put OUTPUT before their names.
$(TEST_GEN_PROGS) $(TEST_GEN_PROGS_EXTENDED): $(SHARED_OBJECTS)
