/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rig of VFIO's tests: a DMA engine that vfio-pci has, the witness, what
 * was there before a user came, and users that are killed.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IPMMU_VFIO_RIG_H
#define IPMMU_VFIO_RIG_H

#include "vfio.h"

struct vfio_rig {
	struct pci_function witness;
	struct pci_function dma;
	struct host_pages before;
};

/* NULL, or what is missing */
const char *vfio_rig_open(struct vfio_rig *rig);

/*
 * The same, and a user, @v: the group keeps something from its first one on,
 * which comes and goes before what is there is counted. NULL, or what is
 * missing.
 */
const char *vfio_rig_use(struct vfio_rig *rig, struct vfio *v);

/*
 * Counts what is there before a user comes. Called after the first user has
 * gone, since the group keeps something from then on. 0, or -1 if tables are
 * still pending.
 */
int vfio_rig_count(struct vfio_rig *rig);

/* 0 when all is back and the IPMMU is content; says what is not */
int vfio_rig_close(struct vfio_rig *rig);

/*
 * Has a process @work on the engine until it is killed, at a random moment. The
 * process writes a byte to @started when its first piece of work is done. NULL
 * when all is back afterwards, or what failed.
 */
const char *vfio_rig_kill(const struct vfio_rig *rig, struct random *r,
			  void (*work)(const struct pci_function *dma, int started));

#endif /* IPMMU_VFIO_RIG_H */
