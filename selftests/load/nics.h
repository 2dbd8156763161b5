/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two network cards of a kind with a cable between them. One of them goes to a
 * process in a network namespace of its own, so that every byte crosses both.
 *
 * Cards that are up are left alone: the host may live from them.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef LOAD_NICS_H
#define LOAD_NICS_H

#include <sys/types.h>

#include "../ipmmu/lib/types.h"

/**
 * struct nic_kind - what cards to take, and what they are to be
 * @driver: its module
 * @function: the PCI function, as seen from /sys/class/net/NAME/
 * @here: the address of the card that stays
 * @there: and of the other
 */
struct nic_kind {
	const char *driver;
	const char *function;
	u32 vendor, device;
	const char *here, *there;
	u16 port;
};

extern const struct nic_kind nics_e1000e, nics_virtio;

struct nics {
	const struct nic_kind *kind;
	char name[2][32];
	unsigned int count;
};

/* Loads the driver and waits for two that are down; @count is less without */
struct nics nics_find(const struct nic_kind *kind);

/*
 * The type of the domain of a device, by a path of it or of what hangs on it:
 * false where it has no group
 */
bool domain_type(const char *path, char *type, size_t size);

/* A domain of the kernel's own behind both, and not past it. Prints the type. */
bool nics_translated(const struct nics *nics);

/*
 * Starts a process that has the second card, and @run with the connection, whose
 * result it ends with, and brings the first up. Return: the process, or -1
 */
pid_t nics_far_end(const struct nics *nics, int (*run)(int sock, void *arg), void *arg);

/* The connection to it, or -1 */
int nics_connect(const struct nics *nics);

void nics_down(const struct nics *nics);

#endif /* LOAD_NICS_H */
