// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test module: drives the first emulated DMA engine through the kernel's DMA
 * interface, on behalf of user space: buffers of /dev/ipmmu-dma-api are mapped
 * and unmapped for it, in the domain that the kernel has for it.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "ioctl_arg.h"
#include "ipmmu_dma_api.h"
#include "witness.h"

/**
 * struct api_buffer - memory that the engine gets to see
 * @lock: protects the rest
 * @pages: what it is made of
 * @count: how many
 * @table: the same for the DMA interface, mapped or not
 * @mapped: it is
 */
struct api_buffer {
	struct mutex lock;	/* protects the rest */
	struct page **pages;
	unsigned int count;
	struct sg_table table;
	bool mapped;
};

struct api_file {
	struct api_buffer buffers[IPMMU_DMA_API_BUFFERS];
};

static struct pci_dev *api_engine;

static void api_free(struct api_buffer *buffer)
{
	if (buffer->mapped)
		dma_unmap_sgtable(&api_engine->dev, &buffer->table,
				  DMA_BIDIRECTIONAL, 0);
	if (buffer->table.sgl)
		sg_free_table(&buffer->table);
	while (buffer->count)
		__free_page(buffer->pages[--buffer->count]);
	kvfree(buffer->pages);
}

static int api_get_contiguous(struct api_buffer *buffer, unsigned int count)
{
	unsigned int order = get_order((unsigned long)count * PAGE_SIZE);
	struct page *page;

	if (count != 1U << order)
		return -EINVAL;
	page = alloc_pages(GFP_KERNEL | __GFP_ZERO, order);
	if (!page)
		return -ENOMEM;
	split_page(page, order);
	for (; buffer->count < count; buffer->count++)
		buffer->pages[buffer->count] = page + buffer->count;
	return 0;
}

static int api_get_scattered(struct api_buffer *buffer, unsigned int count)
{
	struct page *page;

	while (buffer->count < count) {
		page = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!page)
			return -ENOMEM;
		buffer->pages[buffer->count++] = page;
	}
	/*
	 * Those that came one behind the other are not to be taken for a block.
	 */
	for (count /= 2; count--;)
		swap(buffer->pages[count],
		     buffer->pages[buffer->count - 1 - count]);
	return 0;
}

static int api_alloc(struct api_buffer *buffer, const struct ipmmu_dma_api_alloc *arg)
{
	unsigned int count = arg->size >> PAGE_SHIFT;
	int ret;

	if (buffer->pages)
		return -EEXIST;
	if (!count || arg->size > IPMMU_DMA_API_STRIDE || !PAGE_ALIGNED(arg->size))
		return -EINVAL;
	buffer->pages = kvcalloc(count, sizeof(*buffer->pages), GFP_KERNEL);
	if (!buffer->pages)
		return -ENOMEM;

	ret = arg->contiguous ? api_get_contiguous(buffer, count) :
				api_get_scattered(buffer, count);
	return ret ?: sg_alloc_table_from_pages(&buffer->table, buffer->pages, count,
						0, arg->size, GFP_KERNEL);
}

static int api_map(struct api_buffer *buffer, struct ipmmu_dma_api_map *arg)
{
	int ret;

	if (!buffer->table.sgl || buffer->mapped)
		return -EINVAL;
	ret = dma_map_sgtable(&api_engine->dev, &buffer->table, DMA_BIDIRECTIONAL, 0);
	if (ret)
		return ret;
	buffer->mapped = true;
	arg->iova = sg_dma_address(buffer->table.sgl);
	return 0;
}

static int api_unmap(struct api_buffer *buffer)
{
	if (!buffer->mapped)
		return -EINVAL;
	dma_unmap_sgtable(&api_engine->dev, &buffer->table, DMA_BIDIRECTIONAL, 0);
	buffer->mapped = false;
	return 0;
}

union api_arg {
	u32 id;			/* first in each */
	struct ipmmu_dma_api_alloc alloc;
	struct ipmmu_dma_api_map map;
};

static int api_do(struct api_buffer *buffer, unsigned int cmd, union api_arg *arg)
{
	switch (cmd) {
	case IPMMU_DMA_API_ALLOC:
		return api_alloc(buffer, &arg->alloc);
	case IPMMU_DMA_API_MAP:
		return api_map(buffer, &arg->map);
	case IPMMU_DMA_API_UNMAP:
		return api_unmap(buffer);
	default:
		return -ENOTTY;
	}
}

static long api_ioctl(struct file *file, unsigned int cmd, unsigned long uarg)
{
	struct api_file *af = file->private_data;
	struct api_buffer *buffer;
	union api_arg arg;
	int ret;

	ret = ioctl_arg_get(cmd, uarg, &arg, sizeof(arg));
	if (ret)
		return ret;
	if (arg.id >= IPMMU_DMA_API_BUFFERS)
		return -EINVAL;

	buffer = &af->buffers[arg.id];
	mutex_lock(&buffer->lock);
	ret = api_do(buffer, cmd, &arg);
	mutex_unlock(&buffer->lock);
	return ret ? ret : ioctl_arg_put(cmd, uarg, &arg);
}

static int api_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct api_file *af = file->private_data;
	unsigned long id = vma->vm_pgoff / (IPMMU_DMA_API_STRIDE >> PAGE_SHIFT);
	struct api_buffer *buffer;
	int ret = -EINVAL;

	if (id >= IPMMU_DMA_API_BUFFERS)
		return -EINVAL;
	buffer = &af->buffers[id];
	mutex_lock(&buffer->lock);
	if (buffer->table.sgl)
		ret = vm_map_pages_zero(vma, buffer->pages, buffer->count);
	mutex_unlock(&buffer->lock);
	return ret;
}

static int api_open(struct inode *inode, struct file *file)
{
	struct api_file *af = kvzalloc(sizeof(*af), GFP_KERNEL);
	unsigned int i;

	if (!af)
		return -ENOMEM;
	for (i = 0; i < IPMMU_DMA_API_BUFFERS; i++)
		mutex_init(&af->buffers[i].lock);
	file->private_data = af;
	return 0;
}

static int api_close(struct inode *inode, struct file *file)
{
	struct api_file *af = file->private_data;
	unsigned int i;

	for (i = 0; i < IPMMU_DMA_API_BUFFERS; i++)
		api_free(&af->buffers[i]);
	kvfree(af);
	return 0;
}

static const struct file_operations api_fops = {
	.owner = THIS_MODULE,
	.open = api_open,
	.release = api_close,
	.unlocked_ioctl = api_ioctl,
	.mmap = api_mmap,
};

static struct miscdevice api_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = IPMMU_DMA_API_NODE,
	.fops = &api_fops,
	.mode = 0600,
};

/* The engine is not taken away by hand while the file is open: it is a test. */
static int api_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret;

	if (api_engine)
		return -ENODEV;
	ret = pcim_enable_device(pdev);
	if (!ret)
		ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;
	/* A buffer is one segment, for the engine knows no lists. */
	dma_set_max_seg_size(&pdev->dev, UINT_MAX);
	pci_set_master(pdev);

	api_engine = pdev;
	ret = misc_register(&api_misc);
	if (ret)
		api_engine = NULL;
	return ret;
}

static void api_remove(struct pci_dev *pdev)
{
	misc_deregister(&api_misc);
	pci_clear_master(pdev);
	api_engine = NULL;
}

static const struct pci_device_id api_ids[] = {
	{ PCI_DEVICE(WITNESS_VENDOR, DMA_DEVICE) },
	{ }
};

static struct pci_driver api_driver = {
	.name = IPMMU_DMA_API_DRIVER,
	.id_table = api_ids,
	.probe = api_probe,
	.remove = api_remove,
};
module_pci_driver(api_driver);

MODULE_INFO(test, "Y");
MODULE_DESCRIPTION("The kernel's DMA interface, handed to tests");
MODULE_AUTHOR("The ipmmu-deferred authors");
MODULE_LICENSE("GPL");
