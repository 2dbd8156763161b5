/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of KUnit as the kernel's cases for io-pgtable-arm take, in user
 * space; each case gives a line of KTAP, and the kernel's library is ours.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef CLIENTS_KUNIT_TEST_H
#define CLIENTS_KUNIT_TEST_H

#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/io-pgtable.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/sizes.h>

#ifndef SZ_2G
#define SZ_2G	0x80000000
#endif

#ifndef IS_ERR_OR_NULL
#define IS_ERR_OR_NULL(pointer)	(!(pointer) || IS_ERR(pointer))
#endif

#ifndef for_each_set_bit
#define for_each_set_bit(bit, words, size)				\
	for ((bit) = 0; (bit) < (size); (bit)++)			\
		if (*(words) >> (bit) & 1)
#endif

struct kunit {
	unsigned int failures;
};

struct kunit_case {
	void (*run_case)(struct kunit *test);
	const char *name;
};

struct kunit_suite {
	const char *name;
	struct kunit_case *test_cases;
};

#define KUNIT_CASE(function)	{ .run_case = function, .name = #function }

#define kunit_test_suite(suite)						\
	const struct kunit_suite *client_suite = &(suite)

void client_say(struct kunit *test, bool failed, const char *fmt, ...) __printf(3, 4);

#define kunit_info(test, fmt, ...)	client_say(test, false, fmt, ##__VA_ARGS__)
#define kunit_err(test, fmt, ...)	client_say(test, true, fmt, ##__VA_ARGS__)
#define KUNIT_FAIL(test, fmt, ...)	client_say(test, true, fmt, ##__VA_ARGS__)
#define KUNIT_EXPECT_NOT_ERR_OR_NULL(test, pointer)			\
do {									\
	if (IS_ERR_OR_NULL(pointer))					\
		client_say(test, true, "%s is none\n", #pointer);	\
} while (0)

extern const struct kunit_suite *client_suite;

struct io_pgtable_ops *client_alloc(enum io_pgtable_fmt fmt,
				    struct io_pgtable_cfg *cfg, void *cookie);
void client_free(struct io_pgtable_ops *ops);

#define alloc_io_pgtable_ops	client_alloc
#define free_io_pgtable_ops	client_free

#endif /* CLIENTS_KUNIT_TEST_H */
