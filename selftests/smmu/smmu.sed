# SPDX-License-Identifier: GPL-2.0-only
#
# What the kernel's own arm-smmu-v3.c takes to have its tables from
# io-pgtable-arm-deferred: the steps of Documentation/migration.md, by number.
# What "driver" looks for afterwards is marked there with the same number.

# 0: its headers lie beside it
s/^#include "\.\.\/\.\.\//#include "/

# Its initcall must not have the name of the built-in driver's, which is
# blacklisted.
s/\<arm_smmu_driver\>/arm_smmu_deferred_driver/g

# 1: the library's functions instead of the kernel's
/^#include "arm-smmu-v3\.h"/i\
#include <linux/io-pgtable-arm-deferred.h>\

s/\<alloc_io_pgtable_ops(/io_pgtable_deferred_alloc(/
# The hardware has never heard of a page table that is given up at once.
s/\<free_io_pgtable_ops(pgtbl_ops)/io_pgtable_deferred_free_flushed(pgtbl_ops)/
# Else the flush comes first, and the ASID is free after it.
s/\<free_io_pgtable_ops(smmu_domain->pgtbl_ops)/io_pgtable_deferred_free(smmu_domain->pgtbl_ops)/

# 2: the flush of everything tells how it ended, and the library hears of it.
# What waits for ATS is the last that it does, and says whether it is done.
/^static void arm_smmu_tlb_inv_context(void \*cookie)/,/^}/{
s/^static void arm_smmu_tlb_inv_context/static int arm_smmu_flush_context/
s/^\tarm_smmu_atc_inv_domain(/\treturn arm_smmu_atc_inv_domain(/
/^}/a\
\
static void arm_smmu_tlb_inv_context(void *cookie)\
{\
	struct arm_smmu_domain *smmu_domain = cookie;\
\
	io_pgtable_deferred_flush(smmu_domain->pgtbl_ops,\
				  arm_smmu_flush_context, smmu_domain);\
}
}

# 3: so is the flush of what led to tables
/^static void arm_smmu_tlb_inv_walk(/,/^}/{
s/^\tarm_smmu_tlb_inv_range_domain(.*/\tarm_smmu_tlb_inv_context(cookie);/
}

# 4: for the tests, hardware that has no commands for ranges, and a walker that
# does not snoop
/^static bool disable_msipolling;/i\
static bool use_ranges = true;\
module_param(use_ranges, bool, 0444);\
static bool use_snooping = true;\
module_param(use_snooping, bool, 0444);\

s/^\tif (FIELD_GET(IDR3_RIL, reg))/\tif (use_ranges \&\& FIELD_GET(IDR3_RIL, reg))/
s/^\tif (of_dma_is_coherent(/\tif (use_snooping \&\& of_dma_is_coherent(/
