// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two network cards at work through arm-smmu-v3, both ways at once: what comes
 * is what went, word by word, and a word that is not tells where in the stream
 * it belongs.
 *
 * Takes QEMU's e1000e (8086:10d3) that are down and have a cable between them,
 * and no others: a card that the host lives from is up.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <sys/wait.h>

#include "../ipmmu/lib/setup.h"
#include "../load/nics.h"
#include "../load/stream.h"
#include "kselftest_harness.h"

static u64 stream_bytes(void)
{
	const char *kib = getenv("SMMU_TEST_KIB");

	return (kib ? strtoull(kib, NULL, 0) : 8192) * 1024;
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
		status = !stream_send(sock, out, bytes, NULL);
		fflush(stdout);
		_exit(status);
	}
	wrong = stream_receive(sock, in, bytes, NULL);
	if (waitpid(sender, &status, 0) != sender || status)
		return -1;
	printf("# %llu bytes received, %llu words wrong\n", bytes, wrong);
	return wrong ? -1 : 0;
}

static int far_end(int sock, void *unused)
{
	(void)unused;
	return exchange(sock, 2, 1);
}

FIXTURE(net)
{
	struct nics nics;
	pid_t far;
};

FIXTURE_SETUP(net)
{
	self->nics = nics_find(&nics_e1000e);
	if (self->nics.count < 2)
		SKIP(return, "no two e1000e that are down");
	ASSERT_TRUE(nics_translated(&self->nics));
	self->far = nics_far_end(&self->nics, far_end, NULL);
	ASSERT_LT(0, self->far);
}

FIXTURE_TEARDOWN(net)
{
	if (self->far > 0) {
		kill(self->far, SIGKILL);
		waitpid(self->far, NULL, 0);
	}
	nics_down(&self->nics);
}

TEST_F_TIMEOUT(net, both_ways_at_once, 600)
{
	int sock = nics_connect(&self->nics), status;

	ASSERT_LE(0, sock);
	EXPECT_EQ(0, exchange(sock, 1, 2));
	ASSERT_EQ(self->far, waitpid(self->far, &status, 0));
	self->far = -1;
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
