# SPDX-License-Identifier: GPL-2.0-only
#
# What the kernel's own ipmmu-vmsa.c lacks to be a module: a licence, an owner
# for its operations, and registration that comes with an end. Nothing that it
# does changes.
/^#include <linux\/io\.h>/i\
#include <linux/module.h>
/^static const struct iommu_ops /,/^};/s/^\t\.pgsize_bitmap\>.*/&\n\t.owner = THIS_MODULE,/
s/^builtin_platform_driver(/module_platform_driver(/
$a\
MODULE_LICENSE("GPL");
