// SPDX-License-Identifier: GPL-2.0-only
/*
 * Benchmark module: a driver for the emulated DMA engine that lets user space
 * measure operations of the IOMMU interface on it, through /dev/ipmmu-bench.
 * Maps nonsense: never load it on a machine that matters.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "bench.h"
#include "ioctl_arg.h"
#include "witness.h"

/* The first engine found; guarded by bench_device_lock */
static struct pci_dev *bench_device;
static DEFINE_MUTEX(bench_device_lock);

static struct device *bench_device_get(void)
{
	struct pci_dev *pdev;

	mutex_lock(&bench_device_lock);
	pdev = pci_dev_get(bench_device);
	mutex_unlock(&bench_device_lock);
	return pdev ? &pdev->dev : NULL;
}

union bench_arg {
	struct ipmmu_bench_range range;
	struct ipmmu_bench_free free;
	struct ipmmu_bench_pages pages;
	struct ipmmu_bench_dma dma;
	struct ipmmu_bench_tables tables;
	struct ipmmu_bench_singles singles;
	struct ipmmu_bench_regions regions;
};

static int bench_command(struct bench_file *bf, unsigned int cmd,
			 union bench_arg *arg)
{
	switch (cmd) {
	case IPMMU_BENCH_ATTACH:
		return bench_attach(bf);
	case IPMMU_BENCH_DETACH:
		return bench_detach(bf);
	case IPMMU_BENCH_RANGE:
		return bench_range(bf, &arg->range);
	case IPMMU_BENCH_FREE:
		return bench_free(bf, &arg->free);
	case IPMMU_BENCH_PAGES:
		return bench_pages(&arg->pages);
	case IPMMU_BENCH_DMA:
		return bench_dma(bf, &arg->dma);
	case IPMMU_BENCH_TABLES:
		return bench_tables(&arg->tables);
	case IPMMU_BENCH_SINGLES:
		return bench_singles(bf, &arg->singles);
	case IPMMU_BENCH_REGIONS:
		return bench_regions(bf, &arg->regions);
	default:
		return -ENOTTY;
	}
}

static long bench_ioctl(struct file *file, unsigned int cmd, unsigned long uarg)
{
	struct bench_file *bf = file->private_data;
	union bench_arg arg;
	int ret;

	ret = ioctl_arg_get(cmd, uarg, &arg, sizeof(arg));
	if (ret)
		return ret;
	mutex_lock(&bf->lock);
	ret = bench_command(bf, cmd, &arg);
	mutex_unlock(&bf->lock);
	return ret ? ret : ioctl_arg_put(cmd, uarg, &arg);
}

static int bench_open(struct inode *inode, struct file *file)
{
	struct bench_file *bf = kzalloc(sizeof(*bf), GFP_KERNEL);

	if (!bf)
		return -ENOMEM;
	bf->dev = bench_device_get();
	if (!bf->dev) {
		kfree(bf);
		return -ENODEV;
	}
	mutex_init(&bf->lock);
	file->private_data = bf;
	return 0;
}

static int bench_close(struct inode *inode, struct file *file)
{
	struct bench_file *bf = file->private_data;

	if (bf->attached)
		bench_detach(bf);
	if (bf->domain)
		iommu_domain_free(bf->domain);
	put_device(bf->dev);
	kfree(bf);
	return 0;
}

static const struct file_operations bench_fops = {
	.owner = THIS_MODULE,
	.open = bench_open,
	.release = bench_close,
	.unlocked_ioctl = bench_ioctl,
};

static struct miscdevice bench_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = IPMMU_BENCH_NODE,
	.fops = &bench_fops,
	.mode = 0600,
};

static int bench_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret = -EBUSY;

	if (!device_iommu_mapped(&pdev->dev)) {
		pci_err(pdev, "not behind an IOMMU: load its driver first\n");
		return -ENODEV;
	}
	mutex_lock(&bench_device_lock);
	if (!bench_device)
		ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (!ret)
		bench_device = pdev;
	mutex_unlock(&bench_device_lock);
	return ret;
}

/* Files that are open keep the device, and its domain, but nothing new comes */
static void bench_remove(struct pci_dev *pdev)
{
	mutex_lock(&bench_device_lock);
	bench_device = NULL;
	mutex_unlock(&bench_device_lock);
}

static const struct pci_device_id bench_ids[] = {
	{ PCI_DEVICE(WITNESS_VENDOR, DMA_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, bench_ids);

/*
 * The device is moved between its own domain, for the DMA interface, and those
 * of the files, so it must not count as a user of its own.
 */
static struct pci_driver bench_driver = {
	.name = "ipmmu_bench",
	.id_table = bench_ids,
	.probe = bench_probe,
	.remove = bench_remove,
	.driver_managed_dma = true,
};

static int __init bench_init(void)
{
	int ret = bench_count_init();

	if (ret)
		return ret;
	ret = pci_register_driver(&bench_driver);
	if (ret)
		goto err_count;
	ret = misc_register(&bench_misc);
	if (ret)
		goto err_driver;
	return 0;

err_driver:
	pci_unregister_driver(&bench_driver);
err_count:
	bench_count_exit();
	return ret;
}
module_init(bench_init);

static void __exit bench_exit(void)
{
	misc_deregister(&bench_misc);
	pci_unregister_driver(&bench_driver);
	bench_count_exit();
}
module_exit(bench_exit);

MODULE_DESCRIPTION("Measures operations of the IOMMU interface");
MODULE_AUTHOR("The ipmmu-deferred authors");
MODULE_LICENSE("GPL");
