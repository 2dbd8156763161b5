// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two network cards at work through arm-smmu-v3, both ways at once, one of them
 * in a network namespace of its own so that every byte crosses both: what comes
 * is what went, word by word, and a word that is not tells where in the stream
 * it belongs.
 *
 * Takes QEMU's e1000e (8086:10d3) that are down and have a cable between them,
 * and no others: a card that the host lives from is up.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../ipmmu/lib/setup.h"
#include "kselftest_harness.h"

#define NIC_VENDOR	0x8086
#define NIC_DEVICE	0x10d3
#define NET		"/sys/class/net/"
#define HERE		"10.71.13.1"
#define THERE		"10.71.13.2"
#define PORT		7113
#define PIECE		32768u
#define SHOWN		4

/* Odd, so that each word says which one it is */
#define MIX		0x9e3779b97f4a7c15ull

struct nics {
	char name[2][32];
	unsigned int count;
};

static u64 stream_bytes(void)
{
	const char *kib = getenv("SMMU_TEST_KIB");

	return (kib ? strtoull(kib, NULL, 0) : 8192) * 1024;
}

static u64 word_at(u64 seed, u64 index)
{
	return (seed + index) * MIX;
}

/* Which word is it? The inverse of MIX modulo 2^64, by Newton's method */
static u64 index_of(u64 seed, u64 word)
{
	u64 inverse = MIX;
	int i;

	for (i = 0; i < 6; i++)
		inverse *= 2 - MIX * inverse;
	return word * inverse - seed;
}

static bool is_ours(const char *name)
{
	char folder[128], flags[32];

	snprintf(folder, sizeof(folder), NET "%.31s/", name);
	if (file_number(folder, "device/vendor") != NIC_VENDOR ||
	    file_number(folder, "device/device") != NIC_DEVICE)
		return false;
	snprintf(folder, sizeof(folder), NET "%.31s/flags", name);
	return file_read(folder, flags, sizeof(flags)) > 0 &&
	       !(strtoul(flags, NULL, 0) & 1);
}

static struct nics find_nics(void)
{
	struct nics nics = { .count = 0 };
	DIR *folder = opendir(NET);
	struct dirent *entry;

	while (folder && nics.count < 2 && (entry = readdir(folder)))
		if (is_ours(entry->d_name))
			snprintf(nics.name[nics.count++], sizeof(nics.name[0]), "%.31s",
				 entry->d_name);
	if (folder)
		closedir(folder);
	return nics;
}

/* A domain of the kernel's own behind it, and not past it */
static bool is_translated(const char *name)
{
	char path[300], type[32];

	snprintf(path, sizeof(path), NET "%.31s/device/iommu_group/type", name);
	if (file_read(path, type, sizeof(type)) <= 0)
		return false;
	printf("# %s: domain type %s", name, type);
	return !strncmp(type, "DMA", 3);
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

static bool send_stream(int sock, u64 seed, u64 bytes)
{
	static u64 words[PIECE / 8];
	u64 at, i;
	ssize_t done, sent;

	for (at = 0; at < bytes; at += PIECE) {
		for (i = 0; i < PIECE / 8; i++)
			words[i] = word_at(seed, at / 8 + i);
		for (done = 0; done < PIECE; done += sent) {
			sent = write(sock, (u8 *)words + done, PIECE - done);
			if (sent <= 0) {
				printf("# send at %llu: %s\n", at + done, strerror(errno));
				return false;
			}
		}
	}
	return true;
}

static u64 check_piece(const u64 *words, u64 seed, u64 at, u64 *wrong)
{
	u64 i;

	for (i = 0; i < PIECE / 8; i++) {
		if (words[i] == word_at(seed, at / 8 + i))
			continue;
		if ((*wrong)++ < SHOWN)
			printf("# byte %llu: %#llx, would be right at %lld\n", at + i * 8,
			       words[i], (long long)index_of(seed, words[i]) * 8);
	}
	return *wrong;
}

/* Return: how many words are wrong; all that are missing count */
static u64 receive_stream(int sock, u64 seed, u64 bytes)
{
	static u64 words[PIECE / 8];
	u64 at, wrong = 0;
	ssize_t got;

	for (at = 0; at < bytes; at += PIECE) {
		got = recv(sock, words, PIECE, MSG_WAITALL);
		if (got != (ssize_t)PIECE) {
			printf("# receive at %llu: %zd, %s\n", at, got, strerror(errno));
			return wrong + (bytes - at) / 8;
		}
		check_piece(words, seed, at, &wrong);
	}
	return wrong;
}

/* Both ways at once. Return: 0 if all has arrived as it was sent */
static int exchange(int sock, u64 out, u64 in)
{
	u64 bytes = stream_bytes(), wrong;
	pid_t sender;
	int status;

	fflush(stdout);
	sender = fork();
	if (!sender) {
		status = !send_stream(sock, out, bytes);
		fflush(stdout);
		_exit(status);
	}
	wrong = receive_stream(sock, in, bytes);
	if (waitpid(sender, &status, 0) != sender || status)
		return -1;
	printf("# %llu bytes received, %llu words wrong\n", bytes, wrong);
	return wrong ? -1 : 0;
}

static struct sockaddr_in address(const char *text)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	inet_pton(AF_INET, text, &in.sin_addr);
	return in;
}

static int listen_at(const char *text)
{
	struct sockaddr_in in = address(text);
	int sock = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(sock, (void *)&in, sizeof(in)) || listen(sock, 1))
		return -1;
	return sock;
}

/* The cable may take seconds to be noticed. */
static int connect_to(const char *text)
{
	struct sockaddr_in in = address(text);
	int sock, tries;

	for (tries = 0; tries < 100; tries++) {
		sock = socket(AF_INET, SOCK_STREAM, 0);
		if (!connect(sock, (void *)&in, sizeof(in)))
			return sock;
		close(sock);
		host_sleep_ms(100);
	}
	return -1;
}

/* In a namespace of its own, where the second card comes to */
static int far_end(const char *nic, int ready, int moved)
{
	char byte = 0;
	int sock;

	if (unshare(CLONE_NEWNET) || write(ready, &byte, 1) != 1 ||
	    read(moved, &byte, 1) != 1 || nic_up(nic, THERE))
		return 1;
	sock = listen_at(THERE);
	if (sock < 0)
		return 1;
	sock = accept(sock, NULL, NULL);
	return sock < 0 || exchange(sock, 2, 1) ? 1 : 0;
}

/* Return: the process at the far end, or -1; the second card has come to it */
static pid_t start_far_end(const char *nic)
{
	int ready[2], moved[2], ret;
	char pid[16], byte = 0;
	pid_t far;

	if (pipe(ready) || pipe(moved))
		return -1;
	fflush(stdout);
	far = fork();
	if (!far) {
		ret = far_end(nic, ready[1], moved[0]);
		fflush(stdout);
		_exit(ret);
	}
	close(ready[1]);
	snprintf(pid, sizeof(pid), "%d", far);
	if (read(ready[0], &byte, 1) == 1 && !ip("ip link set dev %s netns %s", nic, pid) &&
	    write(moved[1], &byte, 1) == 1)
		return far;
	kill(far, SIGKILL);
	waitpid(far, NULL, 0);
	return -1;
}

FIXTURE(net)
{
	struct nics nics;
	pid_t far;
};

FIXTURE_SETUP(net)
{
	struct pci_function pci;
	unsigned int ms;

	if (pci_find(&pci, NIC_VENDOR, NIC_DEVICE, 1))
		SKIP(return, "no two e1000e");
	setup_run("modprobe e1000e 2>/dev/null");
	for (ms = 0; ms < SETUP_WAIT_MS; ms += 100) {
		self->nics = find_nics();
		if (self->nics.count == 2)
			break;
		host_sleep_ms(100);
	}
	if (self->nics.count < 2)
		SKIP(return, "no two e1000e that are down");
	ASSERT_TRUE(is_translated(self->nics.name[0]));
	ASSERT_TRUE(is_translated(self->nics.name[1]));
	self->far = start_far_end(self->nics.name[1]);
	ASSERT_LT(0, self->far);
	ASSERT_EQ(0, nic_up(self->nics.name[0], HERE));
}

FIXTURE_TEARDOWN(net)
{
	if (self->far > 0) {
		kill(self->far, SIGKILL);
		waitpid(self->far, NULL, 0);
	}
	ip("ip link set dev %1$s down; ip addr flush dev %1$s", self->nics.name[0], "");
}

TEST_F_TIMEOUT(net, both_ways_at_once, 600)
{
	int sock = connect_to(THERE), status;

	ASSERT_LE(0, sock);
	EXPECT_EQ(0, exchange(sock, 1, 2));
	ASSERT_EQ(self->far, waitpid(self->far, &status, 0));
	self->far = -1;
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
