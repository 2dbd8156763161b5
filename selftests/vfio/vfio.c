// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VFIO user of the DMA engine (type1), call by call.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "vfio.h"

static int vfio_override(const struct pci_function *pci, const char *driver)
{
	char path[96];

	pci_path(pci, "driver_override", path, sizeof(path));
	return file_write(path, driver);
}

static bool vfio_bound(const struct pci_function *pci)
{
	char path[96];

	snprintf(path, sizeof(path), VFIO_PCI_DRIVER "%.15s", pci->name);
	return !access(path, F_OK);
}

bool vfio_bind(const struct pci_function *pci)
{
	if (vfio_bound(pci))
		return true;
	setup_run("modprobe vfio-pci 2>/dev/null; modprobe vfio_iommu_type1 2>/dev/null");
	vfio_override(pci, "vfio-pci");
	file_write("/sys/bus/pci/drivers_probe", pci->name);
	return vfio_bound(pci);
}

void vfio_unbind(const struct pci_function *pci)
{
	if (vfio_bound(pci))
		file_write(VFIO_PCI_DRIVER "unbind", pci->name);
	vfio_override(pci, "\n");
}

int vfio_group_open(const struct pci_function *pci)
{
	char node[64];

	snprintf(node, sizeof(node), "/dev/vfio/%d", pci_group(pci));
	return open(node, O_RDWR | O_CLOEXEC);
}

int vfio_set_type1(int container)
{
	if (!ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return 0;
	if (errno != EPERM ||
	    parameter_set(TYPE1_PARAMETERS, "allow_unsafe_interrupts", "1"))
		return -1;
	printf("# interrupts are not isolated: allow_unsafe_interrupts=1 set\n");
	return ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
}

/* Where the IOMMU takes addresses, as the kernel tells user space */
static void vfio_ranges(struct vfio *v)
{
	union {
		struct vfio_iommu_type1_info info;
		u8 bytes[4096];
	} u = { .info.argsz = sizeof(u) };
	struct vfio_iommu_type1_info_cap_iova_range *cap;
	u32 offset;

	v->range_count = 0;
	if (ioctl(v->container, VFIO_IOMMU_GET_INFO, &u.info) ||
	    !(u.info.flags & VFIO_IOMMU_INFO_CAPS))
		return;
	for (offset = u.info.cap_offset; offset; offset = cap->header.next) {
		cap = (void *)(u.bytes + offset);
		if (cap->header.id != VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
			continue;
		v->range_count = cap->nr_iovas;
		if (v->range_count > IOVA_RANGES_MAX)
			v->range_count = IOVA_RANGES_MAX;
		memcpy(v->ranges, cap->iova_ranges,
		       v->range_count * sizeof(v->ranges[0]));
	}
}

static u64 vfio_region(const struct vfio *v, unsigned int index, u64 *size)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	if (ioctl(v->device, VFIO_DEVICE_GET_REGION_INFO, &info))
		return 0;
	*size = info.size;
	return info.offset;
}

int vfio_bus_master(const struct vfio *v)
{
	u64 size = 0;
	u64 config = vfio_region(v, VFIO_PCI_CONFIG_REGION_INDEX, &size);
	u16 command;

	if (pread(v->device, &command, 2, config + PCI_COMMAND_OFFSET) != 2)
		return -1;
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER;
	return pwrite(v->device, &command, 2, config + PCI_COMMAND_OFFSET) != 2;
}

int vfio_map_bar(struct vfio *v)
{
	u64 size = 0;
	u64 offset = vfio_region(v, VFIO_PCI_BAR0_REGION_INDEX, &size);
	void *bar;

	if (size < DMA_BAR_SIZE)
		return -1;
	bar = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, v->device,
		   offset);
	if (bar == MAP_FAILED)
		return -1;
	v->pci.bar = bar;
	v->pci.bar_size = size;
	return pci_get(&v->pci, DMA_ID) == DMA_ID_VALUE ? 0 : -1;
}

void vfio_close(struct vfio *v)
{
	if (v->pci.bar)
		munmap(v->pci.bar, v->pci.bar_size);
	v->pci.bar = NULL;
	if (v->device >= 0)
		close(v->device);
	if (v->group >= 0)
		close(v->group);
	if (v->container >= 0)
		close(v->container);
	v->device = -1;
	v->group = -1;
	v->container = -1;
}

const char *vfio_open_any(struct vfio *v, const struct pci_function *pci)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };

	memset(v, 0, sizeof(*v));
	v->pci = *pci;
	v->pci.bar = NULL;
	v->device = -1;
	v->group = -1;
	v->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (v->container < 0)
		return "open of /dev/vfio/vfio";
	v->group = vfio_group_open(pci);
	if (v->group < 0)
		return "open of the group";
	if (ioctl(v->group, VFIO_GROUP_GET_STATUS, &status) ||
	    !(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return "a viable group";
	if (ioctl(v->group, VFIO_GROUP_SET_CONTAINER, &v->container))
		return "VFIO_GROUP_SET_CONTAINER";
	if (vfio_set_type1(v->container))
		return "VFIO_SET_IOMMU";
	vfio_ranges(v);
	v->device = ioctl(v->group, VFIO_GROUP_GET_DEVICE_FD, pci->name);
	return v->device < 0 ? "VFIO_GROUP_GET_DEVICE_FD" : NULL;
}

const char *vfio_open(struct vfio *v, const struct pci_function *pci)
{
	const char *failed = vfio_open_any(v, pci);

	if (failed)
		return failed;
	if (vfio_bus_master(v))
		return "setting bus master";
	return vfio_map_bar(v) ? "mapping BAR0" : NULL;
}

int vfio_map(const struct vfio *v, const void *memory, u64 iova,
	     u64 size, bool write)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | (write ? VFIO_DMA_MAP_FLAG_WRITE : 0),
		.vaddr = (uintptr_t)memory,
		.iova = iova,
		.size = size,
	};

	return ioctl(v->container, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
}

int vfio_unmap(const struct vfio *v, u64 iova, u64 size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = size,
	};

	if (ioctl(v->container, VFIO_IOMMU_UNMAP_DMA, &unmap))
		return -errno;
	return unmap.size == size ? 0 : -EIO;
}

int vfio_msi(const struct vfio *v, int event)
{
	union {
		struct vfio_irq_set set;
		u8 bytes[sizeof(struct vfio_irq_set) + sizeof(int)];
	} u = {
		.set = {
			.argsz = sizeof(u),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD |
				 VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = VFIO_PCI_MSI_IRQ_INDEX,
			.count = 1,
		},
	};

	memcpy(u.set.data, &event, sizeof(event));
	return ioctl(v->device, VFIO_DEVICE_SET_IRQS, &u.set) ? -errno : 0;
}

u8 *scattered_memory(struct random *r, u64 size)
{
	u64 i, pages = size / HOST_PAGE;
	u32 *order = malloc(pages * sizeof(*order));
	u8 *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (!order || memory == MAP_FAILED)
		return NULL;
	madvise(memory, size, MADV_NOHUGEPAGE);
	for (i = 0; i < pages; i++) {
		u64 other = random_below(r, i + 1);

		order[i] = order[other];
		order[other] = i;
	}
	for (i = 0; i < pages; i++)
		memory[order[i] * HOST_PAGE] = 1;
	free(order);
	return memory;
}
