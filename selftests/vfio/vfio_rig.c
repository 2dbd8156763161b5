// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rig of VFIO's tests: set up, taken down, and looked over after each user.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <signal.h>
#include <sys/wait.h>

#include "vfio_rig.h"

#define BACK_MS		30000
#define WORK_MS		500

const char *vfio_rig_open(struct vfio_rig *rig)
{
	if (witness_open(&rig->witness))
		return "the witness does not answer";
	if (pci_find(&rig->dma, WITNESS_VENDOR, DMA_DEVICE, 0))
		return "no ipmmu-dma device";
	witness_clear(&rig->witness);
	return vfio_bind(&rig->dma) ? NULL : "vfio-pci does not take the device";
}

int vfio_rig_count(struct vfio_rig *rig)
{
	if (reclaimer_wait(BACK_MS))
		return -1;
	rig->before = host_pages();
	return 0;
}

static const char *user_comes(const struct vfio_rig *rig, struct vfio *v)
{
	static char text[256];
	const char *failed = vfio_open(v, &rig->dma);

	if (!failed)
		return NULL;
	snprintf(text, sizeof(text), "%s: %s", failed, strerror(errno));
	return text;
}

const char *vfio_rig_use(struct vfio_rig *rig, struct vfio *v)
{
	const char *failed = vfio_rig_open(rig);

	if (!failed)
		failed = user_comes(rig, v);
	if (failed)
		return failed;
	vfio_close(v);
	if (vfio_rig_count(rig))
		return "tables are still pending";
	return user_comes(rig, v);
}

int vfio_rig_close(struct vfio_rig *rig)
{
	int bad = host_pages_back(&rig->before, BACK_MS);
	u64 bypasses;

	vfio_unbind(&rig->dma);
	bypasses = witness_counter(&rig->witness, WITNESS_BYPASSES);
	if (bypasses)
		printf("# %llu accesses were not translated\n", bypasses);
	if (verdict(&rig->witness) || bypasses)
		bad = -1;
	pci_close(&rig->witness);
	return bad;
}

/* -1 when the process ends before it has done anything */
static int wait_for_work(int started)
{
	char byte;
	int ret = read(started, &byte, 1) == 1 ? 0 : -1;

	close(started);
	return ret;
}

const char *vfio_rig_kill(const struct vfio_rig *rig, struct random *r,
			  void (*work)(const struct pci_function *dma, int started))
{
	int fds[2], status = 0, begun;
	pid_t child;

	if (pipe(fds))
		return "pipe()";
	child = fork();
	if (child < 0)
		return "fork()";
	if (!child) {
		work(&rig->dma, fds[1]);
		_exit(1);
	}
	close(fds[1]);
	begun = wait_for_work(fds[0]);
	if (!begun)
		host_sleep_ms(random_below(r, WORK_MS));
	kill(child, SIGKILL);
	if (waitpid(child, &status, 0) != child)
		return "waitpid()";
	if (begun)
		return "the process did no work";
	if (!WIFSIGNALED(status))
		return "the process ended before it was killed";
	return host_pages_back(&rig->before, BACK_MS) ? "pages are not back" : NULL;
}
