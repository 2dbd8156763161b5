/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a test module takes the argument of an ioctl in and gives the answer
 * back: the number of a call says how long its argument is, and which way it
 * goes.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef IOCTL_ARG_H
#define IOCTL_ARG_H

#include <linux/ioctl.h>
#include <linux/string.h>
#include <linux/uaccess.h>

/*
 * Into @arg, the module's union of all arguments, which has @room; what the
 * caller does not give is zero. 0, -ENOTTY for an argument that no call has,
 * -EFAULT.
 */
static inline int ioctl_arg_get(unsigned int cmd, unsigned long user, void *arg,
				size_t room)
{
	if (_IOC_SIZE(cmd) > room)
		return -ENOTTY;
	memset(arg, 0, room);
	if ((_IOC_DIR(cmd) & _IOC_WRITE) &&
	    copy_from_user(arg, (void __user *)user, _IOC_SIZE(cmd)))
		return -EFAULT;
	return 0;
}

/* Back to the caller, where the call has an answer. 0 or -EFAULT */
static inline int ioctl_arg_put(unsigned int cmd, unsigned long user, const void *arg)
{
	if ((_IOC_DIR(cmd) & _IOC_READ) &&
	    copy_to_user((void __user *)user, arg, _IOC_SIZE(cmd)))
		return -EFAULT;
	return 0;
}

#endif /* IOCTL_ARG_H */
