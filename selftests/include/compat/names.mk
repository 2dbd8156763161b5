# SPDX-License-Identifier: GPL-2.0-only
#
# Read by the Kbuild files of the test modules: names that the kernel's headers
# have, beside those that the drivers ask for, see include/compat/names.mk.
include $(TOP)/include/compat/names.mk

ccflags-y += $(compat-names) \
	$(call has-name,iommu.h,iommu_paging_domain_alloc.struct,HAVE_PAGING_DOMAIN_ALLOC) \
	$(call has-name,iommu.h,iommu_map.struct[^;]*gfp_t,HAVE_MAP_GFP) \
	$(call has-name,iommu.h,iommu_group_claim_dma_owner.struct,HAVE_DMA_OWNER)
