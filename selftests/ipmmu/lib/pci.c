// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI functions without a driver, by way of sysfs.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <dirent.h>
#include <limits.h>

#include "pci.h"

static long long pci_number(const char *name, const char *file)
{
	char folder[64];

	snprintf(folder, sizeof(folder), PCI_SYSFS "%.15s/", name);
	return file_number(folder, file);
}

static int pci_name_parse(struct pci_function *pci, const char *name)
{
	unsigned int bus, device, function;

	if (sscanf(name, "%x:%x:%x.%x", &pci->segment, &bus, &device,
		   &function) != 4)
		return -1;
	snprintf(pci->name, sizeof(pci->name), "%.15s", name);
	pci->rid = bus << 8 | device << 3 | function;
	return 0;
}

int pci_find(struct pci_function *pci, unsigned int vendor,
	     unsigned int device, unsigned int nth)
{
	struct dirent **entries;
	int i, count, ret = -1;

	memset(pci, 0, sizeof(*pci));
	count = scandir(PCI_SYSFS, &entries, NULL, alphasort);
	for (i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;

		if (ret && name[0] != '.' &&
		    pci_number(name, "vendor") == vendor &&
		    pci_number(name, "device") == device && nth-- == 0)
			ret = pci_name_parse(pci, name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return ret;
}

int pci_find_grouped(struct pci_function *pci, unsigned int vendor,
		     unsigned int device, unsigned int nth)
{
	unsigned int i;
	char path[96];

	for (i = 0; !pci_find(pci, vendor, device, i); i++) {
		pci_path(pci, "iommu_group", path, sizeof(path));
		if (!access(path, F_OK) && nth-- == 0)
			return 0;
	}
	return -1;
}

int pci_link(const struct pci_function *pci, const char *link, char *word, size_t size)
{
	char path[96], target[PATH_MAX];
	ssize_t len;

	pci_path(pci, link, path, sizeof(path));
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return -1;
	target[len] = '\0';
	snprintf(word, size, "%s", strrchr(target, '/') + 1);
	return 0;
}

int pci_group(const struct pci_function *pci)
{
	char number[16];

	return pci_link(pci, "iommu_group", number, sizeof(number)) ? -1 : atoi(number);
}

int pci_command(const struct pci_function *pci, int set, int clear)
{
	u16 command;
	char path[96];
	int fd, ret = -1;

	pci_path(pci, "config", path, sizeof(path));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (pread(fd, &command, 2, PCI_COMMAND_OFFSET) == 2) {
		command = (command | set) & ~clear;
		if (pwrite(fd, &command, 2, PCI_COMMAND_OFFSET) == 2)
			ret = 0;
	}
	close(fd);
	return ret;
}

int pci_open(struct pci_function *pci, size_t bar_size)
{
	char path[96];
	void *bar;
	int fd;

	pci_path(pci, "enable", path, sizeof(path));
	file_write(path, "1");
	if (pci_command(pci, PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER, 0))
		return -1;

	pci_path(pci, "resource0", path, sizeof(path));
	fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	if (fd < 0)
		return -1;
	bar = mmap(NULL, bar_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (bar == MAP_FAILED)
		return -1;
	pci->bar = bar;
	pci->bar_size = bar_size;
	return 0;
}

void pci_close(struct pci_function *pci)
{
	char path[96];

	if (!pci->bar)
		return;
	munmap(pci->bar, pci->bar_size);
	pci->bar = NULL;
	pci_command(pci, 0, PCI_COMMAND_BUS_MASTER);
	pci_path(pci, "enable", path, sizeof(path));
	file_write(path, "0");
}
