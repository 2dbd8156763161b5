// SPDX-License-Identifier: GPL-2.0-only
/*
 * Engines in domains of their own, and what the driver says of their contexts.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include "attachment.h"

int attachment_try(struct attachment *a, u64 paddr)
{
	int ret = domain_device(a->fd, IPMMU_TEST_ALLOC, &a->dma);

	if (ret && ret != -EEXIST)
		return ret;
	ret = domain_attach(a->fd, &a->dma);
	return ret ? ret : domain_map(a->fd, HOST_1G, paddr, HOST_PAGE, DOMAIN_RW);
}

int attachment_open(struct attachment *a, unsigned int nth, u64 paddr)
{
	int ret;

	a->fd = -1;
	if (engine_open(&a->dma, nth))
		return -ENODEV;
	a->fd = open("/dev/" IPMMU_TEST_NODE, O_RDWR | O_CLOEXEC);
	if (a->fd < 0)
		return -errno;
	ret = domain_device(a->fd, IPMMU_TEST_CLAIM, &a->dma);
	return ret ? ret : attachment_try(a, paddr);
}

void attachment_close(struct attachment *a)
{
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
	pci_close(&a->dma);
}

unsigned int contexts_in_state(const char *state)
{
	char text[4096], *line;
	unsigned int count = 0;

	file_read(DRIVER_DEBUGFS "contexts", text, sizeof(text));
	for (line = text; (line = strstr(line, state)); line++)
		count++;
	return count;
}

int context_of(const struct pci_function *dma)
{
	static const char word[] = " context ";
	char text[16384], *line, *found;

	file_read(DRIVER_DEBUGFS "utlbs", text, sizeof(text));
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		found = strstr(line, word);
		if (found && strstr(line, dma->name))
			return strtol(found + strlen(word), NULL, 10);
	}
	return -1;
}
