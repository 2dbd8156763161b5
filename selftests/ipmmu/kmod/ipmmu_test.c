// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test module: hands the kernel's IOMMU interface to user space, one domain for
 * each open file of /dev/ipmmu-test. Maps whatever physical address it is told
 * to: never load it on a machine that matters.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/kprobes.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/rwsem.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include <compat/iommu-api.h>
#include "ioctl_arg.h"
#include "ipmmu_test.h"

/* 64 MiB: more than any test uses, less than would hurt the smallest guest */
#define BUFFER_PAGES_MAX	16384

/**
 * struct test_master - a device that a file has taken from the drivers
 * @link: in test_file.masters
 * @pdev: the function, referenced
 * @group: its group, referenced
 * @attached: the file's domain, not the blocking one, is behind it
 */
struct test_master {
	struct list_head link;
	struct pci_dev *pdev;
	struct iommu_group *group;
	bool attached;
};

/**
 * struct test_file - one open file
 * @lock: taken for reading by what only uses the domain, so that maps and
 *	  unmaps of several threads meet in the driver and not here
 * @domain: the domain, or NULL
 * @masters: devices claimed
 * @gather: what has been unmapped and waits for IPMMU_TEST_SYNC
 * @pages: the buffer
 * @nr_pages: how many
 * @fault_lock: protects @faults, which interrupts write
 * @faults: what the fault handler saw
 */
struct test_file {
	struct rw_semaphore lock;
	struct iommu_domain *domain;
	struct list_head masters;
	struct iommu_iotlb_gather gather;
	struct page **pages;
	unsigned long nr_pages;
	spinlock_t fault_lock; /* protects faults */
	struct ipmmu_test_faults faults;
};

/* Anything but 0 makes the driver report the fault in the log as well */
static int test_fault(struct iommu_domain *domain, struct device *dev,
		      unsigned long iova, int flags, void *token)
{
	struct test_file *tf = token;
	unsigned long irqflags;

	spin_lock_irqsave(&tf->fault_lock, irqflags);
	tf->faults.count++;
	tf->faults.iova = iova;
	tf->faults.flags = flags;
	spin_unlock_irqrestore(&tf->fault_lock, irqflags);

	return -EIO;
}

static struct pci_dev *test_pci_get(const struct ipmmu_test_device *arg)
{
	return pci_get_domain_bus_and_slot(arg->segment, arg->rid >> 8,
					   arg->rid & 0xff);
}

static int test_alloc(struct test_file *tf, struct ipmmu_test_device *arg)
{
	struct iommu_domain *domain;
	struct pci_dev *pdev;

	if (tf->domain)
		return -EEXIST;

	pdev = test_pci_get(arg);
	if (!pdev)
		return -ENODEV;
	domain = compat_domain_alloc(&pdev->dev);
	pci_dev_put(pdev);
	if (IS_ERR(domain))
		return PTR_ERR(domain);

	memset(&tf->faults, 0, sizeof(tf->faults));
	iommu_iotlb_gather_init(&tf->gather);
	iommu_set_fault_handler(domain, test_fault, tf);
	tf->domain = domain;
	return 0;
}

static int test_info(struct test_file *tf, struct ipmmu_test_info *arg)
{
	if (!tf->domain)
		return -EINVAL;

	arg->aperture_start = tf->domain->geometry.aperture_start;
	arg->aperture_end = tf->domain->geometry.aperture_end;
	arg->page_sizes = tf->domain->pgsize_bitmap;
	return 0;
}

static struct test_master *test_find(struct test_file *tf,
				     const struct ipmmu_test_device *arg)
{
	struct test_master *master;

	list_for_each_entry(master, &tf->masters, link)
		if (pci_domain_nr(master->pdev->bus) == arg->segment &&
		    pci_dev_id(master->pdev) == arg->rid)
			return master;
	return NULL;
}

static void test_master_free(struct test_master *master)
{
	if (master->group)
		iommu_group_put(master->group);
	pci_dev_put(master->pdev);
	kfree(master);
}

/*
 * From here on no driver can bind, and the group is behind the blocking domain
 */
static int test_claim(struct test_file *tf, struct ipmmu_test_device *arg)
{
	struct test_master *master;
	int ret;

	if (test_find(tf, arg))
		return 0;

	master = kzalloc(sizeof(*master), GFP_KERNEL);
	if (!master)
		return -ENOMEM;
	master->pdev = test_pci_get(arg);
	ret = -ENODEV;
	if (!master->pdev)
		goto free;
	master->group = iommu_group_get(&master->pdev->dev);
	if (!master->group)
		goto free;
	ret = iommu_group_claim_dma_owner(master->group, master);
	if (ret)
		goto free;

	list_add(&master->link, &tf->masters);
	return 0;

free:
	test_master_free(master);
	return ret;
}

static int test_attach(struct test_file *tf, struct ipmmu_test_device *arg)
{
	struct test_master *master;
	int ret;

	if (!tf->domain)
		return -EINVAL;
	ret = test_claim(tf, arg);
	if (ret)
		return ret;

	master = test_find(tf, arg);
	if (master->attached)
		return -EBUSY;
	ret = iommu_attach_group(tf->domain, master->group);
	if (!ret)
		master->attached = true;
	return ret;
}

static void test_master_detach(struct test_file *tf, struct test_master *master)
{
	if (master->attached)
		iommu_detach_group(tf->domain, master->group);
	master->attached = false;
}

static int test_detach(struct test_file *tf, struct ipmmu_test_device *arg)
{
	struct test_master *master = test_find(tf, arg);

	if (!master || !master->attached)
		return -EINVAL;
	test_master_detach(tf, master);
	return 0;
}

static void test_master_release(struct test_file *tf, struct test_master *master)
{
	test_master_detach(tf, master);
	iommu_group_release_dma_owner(master->group);
	list_del(&master->link);
	test_master_free(master);
}

static int test_release(struct test_file *tf, struct ipmmu_test_device *arg)
{
	struct test_master *master = test_find(tf, arg);

	if (!master)
		return -EINVAL;
	test_master_release(tf, master);
	return 0;
}

static int test_prot(u32 prot)
{
	int ret = 0;

	if (prot & IPMMU_TEST_PROT_READ)
		ret |= IOMMU_READ;
	if (prot & IPMMU_TEST_PROT_WRITE)
		ret |= IOMMU_WRITE;
	return ret;
}

static int test_map(struct test_file *tf, struct ipmmu_test_map *arg)
{
	u64 start;
	int ret;

	if (!tf->domain)
		return -EINVAL;

	start = ktime_get_ns();
	ret = compat_map(tf->domain, arg->iova, arg->paddr, arg->size,
			 test_prot(arg->prot));
	arg->ns = ktime_get_ns() - start;
	return ret;
}

static int test_unmap(struct test_file *tf, struct ipmmu_test_unmap *arg)
{
	u64 start;

	if (!tf->domain)
		return -EINVAL;

	start = ktime_get_ns();
	arg->unmapped = iommu_unmap(tf->domain, arg->iova, arg->size);
	arg->ns = ktime_get_ns() - start;
	return 0;
}

static int test_unmap_later(struct test_file *tf, struct ipmmu_test_later *arg)
{
	int ret;

	if (!tf->domain)
		return -EINVAL;
	ret = compat_gather_queue(&tf->gather, arg->queued);
	if (ret)
		return ret;
	arg->unmapped = iommu_unmap_fast(tf->domain, arg->iova, arg->size,
					 &tf->gather);
	return 0;
}

static int test_sync(struct test_file *tf)
{
	if (!tf->domain)
		return -EINVAL;
	if (compat_gather_is_queued(&tf->gather))
		iommu_flush_iotlb_all(tf->domain);
	iommu_iotlb_sync(tf->domain, &tf->gather);
	iommu_iotlb_gather_init(&tf->gather);
	return 0;
}

/*
 * A flush that comes while another is waited for, on however many CPUs: the
 * driver's wait is where a probe makes it.
 */
static struct test_overtake {
	struct task_struct *task;
	struct iommu_domain *domain;
	unsigned long iova;
	size_t unmapped;
} overtake;

static DEFINE_MUTEX(overtake_mutex);

static int test_in_flush(struct kprobe *probe, struct pt_regs *regs)
{
	struct iommu_domain *domain = overtake.domain;

	if (current != overtake.task || !domain)
		return 0;
	overtake.domain = NULL;
	overtake.unmapped = iommu_unmap(domain, overtake.iova, SZ_4K);
	return 0;
}

static struct kprobe test_probe_flush = {
	.symbol_name = "ipmmu_vmsa_deferred:ipmmu_flush_wait",
	.pre_handler = test_in_flush,
};

static int test_overtake(struct test_file *tf, struct ipmmu_test_overtake *arg)
{
	size_t first;
	int ret;

	if (!tf->domain)
		return -EINVAL;
	mutex_lock(&overtake_mutex);
	overtake = (struct test_overtake){
		.task = current,
		.domain = tf->domain,
		.iova = arg->second,
	};
	ret = register_kprobe(&test_probe_flush);
	if (ret)
		goto unlock;
	first = iommu_unmap(tf->domain, arg->iova, SZ_4K);
	unregister_kprobe(&test_probe_flush);
	/* Registered once more, it must look like new. */
	test_probe_flush.addr = NULL;
	test_probe_flush.flags = 0;
	arg->unmapped = overtake.unmapped;
	ret = first == SZ_4K ? 0 : -EIO;
unlock:
	mutex_unlock(&overtake_mutex);
	return ret;
}

static int test_lookup(struct test_file *tf, struct ipmmu_test_lookup *arg)
{
	if (!tf->domain)
		return -EINVAL;
	arg->paddr = iommu_iova_to_phys(tf->domain, arg->iova);
	return 0;
}

/*
 * The core takes the largest size that both addresses are aligned to. Where
 * they differ below 2 MiB it never gets beyond 4 KiB, and hands the driver a
 * whole run of pages in one call.
 */
static bool test_fill_valid(const struct ipmmu_test_fill *arg)
{
	u64 differ = (arg->iova ^ arg->paddr) & (SZ_2M - 1) & PAGE_MASK;

	if (!IS_ALIGNED(arg->stride, SZ_4K) || arg->iova + arg->size < arg->iova)
		return false;
	return arg->stride || (IS_ALIGNED(arg->iova, SZ_2M) && differ);
}

static int test_fill(struct test_file *tf, struct ipmmu_test_fill *arg)
{
	u64 step = arg->stride ? arg->stride : SZ_2M;
	u64 run = arg->stride ? SZ_4K : SZ_2M;
	u64 offset, size;
	int ret;

	if (!tf->domain || !test_fill_valid(arg))
		return -EINVAL;

	arg->mapped = 0;
	for (offset = 0; offset < arg->size; offset += step) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		size = min(run, arg->size - offset);
		ret = compat_map(tf->domain, arg->iova + offset, arg->paddr,
				 size, test_prot(arg->prot));
		if (ret)
			return ret;
		arg->mapped += size;
	}
	return 0;
}

static int test_free(struct test_file *tf, struct ipmmu_test_free *arg)
{
	struct test_master *master;
	u64 start;

	if (!tf->domain)
		return -EINVAL;
	list_for_each_entry(master, &tf->masters, link)
		if (master->attached)
			return -EBUSY;

	start = ktime_get_ns();
	iommu_domain_free(tf->domain);
	arg->ns = ktime_get_ns() - start;
	tf->domain = NULL;
	return 0;
}

static int test_faults(struct test_file *tf, struct ipmmu_test_faults *arg)
{
	spin_lock_irq(&tf->fault_lock);
	*arg = tf->faults;
	spin_unlock_irq(&tf->fault_lock);
	return 0;
}

static void test_buffer_free(struct test_file *tf)
{
	unsigned long i;

	for (i = 0; i < tf->nr_pages; i++)
		__free_page(tf->pages[i]);
	kvfree(tf->pages);
	tf->pages = NULL;
	tf->nr_pages = 0;
}

static int test_buffer(struct test_file *tf, struct ipmmu_test_buffer *arg)
{
	if (tf->pages)
		return -EEXIST;
	if (!arg->pages || arg->pages > BUFFER_PAGES_MAX)
		return -EINVAL;
	tf->pages = kvcalloc(arg->pages, sizeof(*tf->pages), GFP_KERNEL);
	if (!tf->pages)
		return -ENOMEM;

	while (tf->nr_pages < arg->pages) {
		struct page *page = alloc_page(GFP_USER | __GFP_ZERO);

		if (!page) {
			test_buffer_free(tf);
			return -ENOMEM;
		}
		tf->pages[tf->nr_pages++] = page;
	}
	return 0;
}

static int test_page(struct test_file *tf, struct ipmmu_test_page *arg)
{
	if (arg->index >= tf->nr_pages)
		return -EINVAL;
	arg->paddr = page_to_phys(tf->pages[arg->index]);
	return 0;
}

union test_arg {
	struct ipmmu_test_device device;
	struct ipmmu_test_info info;
	struct ipmmu_test_map map;
	struct ipmmu_test_unmap unmap;
	struct ipmmu_test_later later;
	struct ipmmu_test_lookup lookup;
	struct ipmmu_test_overtake overtake;
	struct ipmmu_test_fill fill;
	struct ipmmu_test_free free;
	struct ipmmu_test_faults faults;
	struct ipmmu_test_buffer buffer;
	struct ipmmu_test_page page;
};

/* What only uses the domain; several threads may be in here */
static int test_use(struct test_file *tf, unsigned int cmd, union test_arg *arg)
{
	switch (cmd) {
	case IPMMU_TEST_INFO:
		return test_info(tf, &arg->info);
	case IPMMU_TEST_MAP:
		return test_map(tf, &arg->map);
	case IPMMU_TEST_UNMAP:
		return test_unmap(tf, &arg->unmap);
	case IPMMU_TEST_LOOKUP:
		return test_lookup(tf, &arg->lookup);
	case IPMMU_TEST_FILL:
		return test_fill(tf, &arg->fill);
	case IPMMU_TEST_FAULTS:
		return test_faults(tf, &arg->faults);
	case IPMMU_TEST_PAGE:
		return test_page(tf, &arg->page);
	default:
		return -ENOIOCTLCMD;
	}
}

/* What changes the file; one thread at a time */
static int test_change(struct test_file *tf, unsigned int cmd, union test_arg *arg)
{
	switch (cmd) {
	case IPMMU_TEST_ALLOC:
		return test_alloc(tf, &arg->device);
	case IPMMU_TEST_CLAIM:
		return test_claim(tf, &arg->device);
	case IPMMU_TEST_ATTACH:
		return test_attach(tf, &arg->device);
	case IPMMU_TEST_DETACH:
		return test_detach(tf, &arg->device);
	case IPMMU_TEST_RELEASE:
		return test_release(tf, &arg->device);
	case IPMMU_TEST_UNMAP_LATER:
		return test_unmap_later(tf, &arg->later);
	case IPMMU_TEST_SYNC:
		return test_sync(tf);
	case IPMMU_TEST_OVERTAKE:
		return test_overtake(tf, &arg->overtake);
	case IPMMU_TEST_FREE:
		return test_free(tf, &arg->free);
	case IPMMU_TEST_BUFFER:
		return test_buffer(tf, &arg->buffer);
	default:
		return -ENOTTY;
	}
}

static long test_ioctl(struct file *file, unsigned int cmd, unsigned long uarg)
{
	struct test_file *tf = file->private_data;
	union test_arg arg;
	int ret, fault;

	ret = ioctl_arg_get(cmd, uarg, &arg, sizeof(arg));
	if (ret)
		return ret;
	down_read(&tf->lock);
	ret = test_use(tf, cmd, &arg);
	up_read(&tf->lock);
	if (ret == -ENOIOCTLCMD) {
		down_write(&tf->lock);
		ret = test_change(tf, cmd, &arg);
		up_write(&tf->lock);
	}

	/* Also after a failure: how far a fill got is an answer */
	fault = ioctl_arg_put(cmd, uarg, &arg);
	return fault ? fault : ret;
}

static int test_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct test_file *tf = file->private_data;
	int ret;

	down_read(&tf->lock);
	ret = tf->pages ? vm_map_pages(vma, tf->pages, tf->nr_pages) : -EINVAL;
	up_read(&tf->lock);
	return ret;
}

static int test_open(struct inode *inode, struct file *file)
{
	struct test_file *tf = kzalloc(sizeof(*tf), GFP_KERNEL);

	if (!tf)
		return -ENOMEM;
	init_rwsem(&tf->lock);
	INIT_LIST_HEAD(&tf->masters);
	spin_lock_init(&tf->fault_lock);
	file->private_data = tf;
	return 0;
}

/* The device leaves the domain first, then the domain goes, then its memory */
static int test_close(struct inode *inode, struct file *file)
{
	struct test_file *tf = file->private_data;
	struct test_master *master, *next;

	list_for_each_entry_safe(master, next, &tf->masters, link)
		test_master_release(tf, master);
	if (tf->domain)
		iommu_domain_free(tf->domain);
	test_buffer_free(tf);
	kfree(tf);
	return 0;
}

static const struct file_operations test_fops = {
	.owner = THIS_MODULE,
	.open = test_open,
	.release = test_close,
	.unlocked_ioctl = test_ioctl,
	.mmap = test_mmap,
};

static struct miscdevice test_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = IPMMU_TEST_NODE,
	.fops = &test_fops,
	.mode = 0600,
};

/*
 * A device meets its IOMMU when a driver is tried on it, and not before. This
 * one is tried on the emulated DMA engines, on QEMU's device for teaching, and
 * by driver_override on any other device, and never keeps one.
 */
static int test_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	return -ENODEV;
}

static const struct pci_device_id test_ids[] = {
	{ PCI_DEVICE(0x1234, 0x1de1) },
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{ }
};

static struct pci_driver test_driver = {
	.name = IPMMU_TEST_NODE,
	.id_table = test_ids,
	.probe = test_probe,
};

static int __init test_init(void)
{
	int ret = misc_register(&test_misc);

	if (ret)
		return ret;
	ret = pci_register_driver(&test_driver);
	if (ret)
		misc_deregister(&test_misc);
	return ret;
}
module_init(test_init);

static void __exit test_exit(void)
{
	pci_unregister_driver(&test_driver);
	misc_deregister(&test_misc);
}
module_exit(test_exit);

MODULE_INFO(test, "Y");
MODULE_DESCRIPTION("The kernel's IOMMU interface, handed to tests");
MODULE_AUTHOR("The ipmmu-deferred authors");
MODULE_LICENSE("GPL");
