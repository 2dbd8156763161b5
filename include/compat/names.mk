# SPDX-License-Identifier: GPL-2.0-only
#
# Read by Kbuild: which names the kernel's headers have, for include/compat.
# Stable series and vendors' kernels take interfaces from later ones, so that a
# version number says less than the header itself. The preprocessor is asked
# where the name is a macro; members and functions are looked for here.
#
# has-name HEADER,PATTERN,FLAG: -DFLAG if the header, with one space for all
# that separates words, has the extended regular expression. A dot stands for a
# parenthesis, which make would count.
has-name = $(shell tr -s '\n\t ' '   ' < $(srctree)/include/linux/$(1) 2>/dev/null | \
		   grep -qE '$(2)' && echo -D$(3))

compat-names := \
	$(call has-name,iommu.h,struct iommu_domain_ops [{],HAVE_IOMMU_DOMAIN_OPS) \
	$(call has-name,iommu.h,[*]domain_alloc_paging..struct,HAVE_DOMAIN_ALLOC_PAGING) \
	$(call has-name,iommu.h,[*]of_xlate..[^;]* const struct,HAVE_CONST_OF_XLATE) \
	$(call has-name,iommu.h,[*]capable..struct device,HAVE_CAPABLE_OF_DEVICE) \
	$(call has-name,iommu.h,[*]detach_dev.,HAVE_DETACH_DEV) \
	$(call has-name,iommu.h,[*]put_resv_regions.,HAVE_PUT_RESV_REGIONS) \
	$(call has-name,iommu.h,iommu_alloc_resv_region.[^;]*gfp_t,HAVE_RESV_REGION_GFP) \
	$(call has-name,iommu.h,[*]attach_dev..[^;]*iommu_domain [*]old,HAVE_ATTACH_FROM) \
	$(call has-name,iommu.h,IOMMU_CAP_DEFERRED_FLUSH,HAVE_CAP_DEFERRED_FLUSH) \
	$(call has-name,iommu.h,bus_set_iommu.struct,HAVE_BUS_SET_IOMMU) \
	$(call has-name,device/bus.h,iommu_ops [*]iommu_ops,HAVE_BUS_IOMMU_OPS) \
	$(call has-name,iommu.h,iommu_iotlb_gather_queued.struct,HAVE_GATHER_QUEUED) \
	$(call has-name,io-pgtable.h,[*]map_pages.,HAVE_MAP_PAGES) \
	$(call has-name,dma-mapping.h,dma_need_unmap.struct,HAVE_DMA_NEED_UNMAP) \
	$(call has-name,platform_device.h,void .[*]remove..struct,HAVE_REMOVE_OF_NOTHING) \
	$(call has-name,pm_runtime.h,devm_pm_runtime_enable.,HAVE_DEVM_PM_RUNTIME_ENABLE)
