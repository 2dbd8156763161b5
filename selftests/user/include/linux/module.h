/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one module there is: how it comes and goes, and its parameters.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#ifndef SHIM_MODULE_H
#define SHIM_MODULE_H

#include <linux/kernel.h>
#include <linux/mutex.h>

#define THIS_MODULE		((struct module *)0)
#ifndef KBUILD_MODNAME
#define KBUILD_MODNAME		"module"
#endif

#define __init
#define __exit
#define __initdata
#define module_init(func)	int shim_module_init(void) { return func(); }
#define module_exit(func)						\
void shim_module_exit(void)						\
{									\
	func();								\
	shim_expect_no_work();						\
}
int shim_module_init(void);
void shim_module_exit(void);
/* What is queued when the module is gone would run code that is not there. */
void shim_expect_no_work(void);

#define EXPORT_SYMBOL(name)	extern typeof(name) name
#define EXPORT_SYMBOL_GPL(name)	EXPORT_SYMBOL(name)
#define MODULE_DESCRIPTION(text)	struct shim_nothing
#define MODULE_AUTHOR(text)	struct shim_nothing
#define MODULE_LICENSE(text)	struct shim_nothing
#define MODULE_VERSION(text)	struct shim_nothing
#define MODULE_ALIAS(text)	struct shim_nothing
#define MODULE_PARM_DESC(name, text)	struct shim_nothing

extern atomic_long_t shim_module_refs;

void __module_get(struct module *module);
void module_put(struct module *module);
bool try_module_get(struct module *module);

extern struct mutex shim_param_mutex;

#define kernel_param_lock(module)	mutex_lock(&shim_param_mutex)
#define kernel_param_unlock(module)	mutex_unlock(&shim_param_mutex)

struct kernel_param {
	const char *name;
	void *arg;
};

struct kernel_param_ops {
	int (*set)(const char *value, const struct kernel_param *param);
	int (*get)(char *buffer, const struct kernel_param *param);
};

int param_set_bool(const char *value, const struct kernel_param *param);
int param_get_bool(char *buffer, const struct kernel_param *param);
int param_set_uint(const char *value, const struct kernel_param *param);
int param_get_uint(char *buffer, const struct kernel_param *param);
int param_set_ulong(const char *value, const struct kernel_param *param);
int param_get_ulong(char *buffer, const struct kernel_param *param);
int param_set_int(const char *value, const struct kernel_param *param);
int param_get_int(char *buffer, const struct kernel_param *param);

void shim_param_add(const char *name, const struct kernel_param_ops *ops, void *arg);

#define module_param_cb(name, ops, arg, perm)				\
static void __attribute__((__constructor__)) shim_param_##name(void)	\
{									\
	shim_param_add(#name, ops, arg);				\
}									\
struct shim_nothing

#define module_param_named(name, variable, type, perm)			\
static const struct kernel_param_ops shim_ops_##name = {		\
	.set = param_set_##type,					\
	.get = param_get_##type,					\
};									\
module_param_cb(name, &shim_ops_##name, &variable, perm)
#define module_param(name, type, perm)	module_param_named(name, name, type, perm)
#define __MODULE_PARM_TYPE(name, text)	struct shim_nothing

#endif /* SHIM_MODULE_H */
