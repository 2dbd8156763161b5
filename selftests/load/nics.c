// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two network cards with a cable between them.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <limits.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../ipmmu/lib/setup.h"
#include "nics.h"

#define NET		"/sys/class/net/"
/* The cable may take seconds to be noticed, and a busy machine for all */
#define CONNECT_TRIES	600

const struct nic_kind nics_e1000e = {
	.driver = "e1000e",
	.function = "device/",
	.vendor = 0x8086,
	.device = 0x10d3,
	.here = "10.71.13.1",
	.there = "10.71.13.2",
	.port = 7113,
};

const struct nic_kind nics_virtio = {
	.driver = "virtio_net",
	.function = "device/../",
	.vendor = 0x1af4,
	.device = 0x1041,
	.here = "10.71.14.1",
	.there = "10.71.14.2",
	.port = 7114,
};

static bool is_free(const struct nic_kind *kind, const char *name)
{
	char folder[128], flags[32];

	snprintf(folder, sizeof(folder), NET "%.31s/%s", name, kind->function);
	if (file_number(folder, "vendor") != kind->vendor ||
	    file_number(folder, "device") != kind->device)
		return false;
	snprintf(folder, sizeof(folder), NET "%.31s/flags", name);
	return file_read(folder, flags, sizeof(flags)) > 0 &&
	       !(strtoul(flags, NULL, 0) & 1);
}

static struct nics nics_now(const struct nic_kind *kind)
{
	struct nics nics = { .kind = kind };
	DIR *folder = opendir(NET);
	struct dirent *entry;

	while (folder && nics.count < 2 && (entry = readdir(folder)))
		if (is_free(kind, entry->d_name))
			snprintf(nics.name[nics.count++], sizeof(nics.name[0]), "%.31s",
				 entry->d_name);
	if (folder)
		closedir(folder);
	return nics;
}

struct nics nics_find(const struct nic_kind *kind)
{
	struct nics nics = { .kind = kind };
	struct pci_function pci;
	char command[64];
	unsigned int ms;

	if (pci_find(&pci, kind->vendor, kind->device, 1))
		return nics;
	snprintf(command, sizeof(command), "modprobe %s 2>/dev/null", kind->driver);
	setup_run(command);
	for (ms = 0; ms < SETUP_WAIT_MS && nics.count < 2; ms += 100) {
		nics = nics_now(kind);
		if (nics.count < 2)
			host_sleep_ms(100);
	}
	return nics;
}

bool domain_type(const char *path, char *type, size_t size)
{
	char real[PATH_MAX], file[PATH_MAX + 32], *slash;

	if (!realpath(path, real))
		return false;
	while ((slash = strrchr(real, '/')) && slash != real) {
		snprintf(file, sizeof(file), "%s/iommu_group/type", real);
		if (file_read(file, type, size) > 0) {
			type[strcspn(type, "\n")] = '\0';
			return true;
		}
		*slash = '\0';
	}
	return false;
}

bool nics_translated(const struct nics *nics)
{
	char path[128], type[32];
	unsigned int i;

	for (i = 0; i < nics->count; i++) {
		snprintf(path, sizeof(path), NET "%s/device", nics->name[i]);
		if (!domain_type(path, type, sizeof(type)))
			return false;
		printf("# %s: domain type %s\n", nics->name[i], type);
		if (strncmp(type, "DMA", 3))
			return false;
	}
	return true;
}

/* The command of that name, with @name and @more where @format has them */
static int ip(const char *format, const char *name, const char *more)
{
	char command[200];

	snprintf(command, sizeof(command), format, name, more);
	return setup_run(command);
}

static int nic_up(const char *name, const char *address)
{
	return ip("ip addr add %2$s/24 dev %1$s && ip link set dev %1$s up", name, address);
}

static struct sockaddr_in there(const struct nics *nics)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET, .sin_port = htons(nics->kind->port),
	};

	inet_pton(AF_INET, nics->kind->there, &in.sin_addr);
	return in;
}

static int listen_there(const struct nics *nics)
{
	int sock = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	struct sockaddr_in in = there(nics);

	setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(sock, (void *)&in, sizeof(in)) || listen(sock, 1))
		return -1;
	return sock;
}

int nics_connect(const struct nics *nics)
{
	struct sockaddr_in in = there(nics);
	int sock, tries;

	for (tries = 0; tries < CONNECT_TRIES; tries++) {
		sock = socket(AF_INET, SOCK_STREAM, 0);
		if (!connect(sock, (void *)&in, sizeof(in)))
			return sock;
		close(sock);
		host_sleep_ms(100);
	}
	return -1;
}

/* In a namespace of its own, where the second card comes to */
static int far_end(const struct nics *nics, int ready, int moved)
{
	char byte = 0;
	int sock;

	if (unshare(CLONE_NEWNET) || write(ready, &byte, 1) != 1 ||
	    read(moved, &byte, 1) != 1 || nic_up(nics->name[1], nics->kind->there))
		return -1;
	sock = listen_there(nics);
	return sock < 0 ? -1 : accept(sock, NULL, NULL);
}

static void far_process(const struct nics *nics, const int *ready, const int *moved,
			int (*run)(int sock, void *arg), void *arg)
{
	int sock = far_end(nics, ready[1], moved[0]);
	int ret = sock < 0 ? 1 : run(sock, arg);

	fflush(stdout);
	_exit(ret ? 1 : 0);
}

pid_t nics_far_end(const struct nics *nics, int (*run)(int sock, void *arg), void *arg)
{
	int ready[2], moved[2];
	char pid[16], byte = 0;
	pid_t far;

	if (pipe(ready) || pipe(moved))
		return -1;
	fflush(stdout);
	far = fork();
	if (!far)
		far_process(nics, ready, moved, run, arg);
	close(ready[1]);
	snprintf(pid, sizeof(pid), "%d", far);
	if (far > 0 && read(ready[0], &byte, 1) == 1 &&
	    !ip("ip link set dev %s netns %s", nics->name[1], pid) &&
	    write(moved[1], &byte, 1) == 1 &&
	    !nic_up(nics->name[0], nics->kind->here))
		return far;
	if (far > 0) {
		kill(far, SIGKILL);
		waitpid(far, NULL, 0);
	}
	return -1;
}

void nics_down(const struct nics *nics)
{
	ip("ip link set dev %1$s down; ip addr flush dev %1$s", nics->name[0], "");
}
