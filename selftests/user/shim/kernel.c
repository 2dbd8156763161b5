// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages, parameters, debugfs, work and shrinkers.
 *
 * Copyright (C) 2026 The ipmmu-deferred authors
 */
#include <errno.h>
#include <pthread.h>

#include <linux/debugfs.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/seq_file.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/workqueue.h>

#include "quiet.h"
#include "shim.h"

/* --- failures and messages ------------------------------------------------ */

void (*shim_context)(void);
bool shim_irqs_wait;
unsigned int shim_irqs_waiting;
unsigned int shim_warnings_expected;
char shim_message[256];
bool shim_verbose;

void shim_panic(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "# ");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
	if (shim_context)
		shim_context();
	fflush(NULL);
	abort();
}

char shim_warning[256];

void shim_warn(const char *file, int line, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(shim_warning, sizeof(shim_warning), fmt, args);
	va_end(args);
	if (!shim_warnings_expected)
		shim_panic("warning at %s:%d: %s", file, line, shim_warning);
	shim_warnings_expected--;
}

void shim_print(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(shim_message, sizeof(shim_message), fmt, args);
	va_end(args);
	if (shim_verbose)
		fprintf(stderr, "# %s\n", shim_message);
}

/* One microsecond a look */
ktime_t ktime_get(void)
{
	static ktime_t now;

	return __atomic_add_fetch(&now, 1000, __ATOMIC_RELAXED);
}

int kstrtoul(const char *text, unsigned int base, unsigned long *value)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*value = strtoul(text, &end, base);
	if (*end == '\n')
		end++;
	if (errno)
		return -ERANGE;
	return *end ? -EINVAL : 0;
}

ssize_t strscpy(char *to, const char *from, size_t size)
{
	size_t len = strnlen(from, size);

	if (!size)
		return -E2BIG;
	if (len == size) {
		memcpy(to, from, size - 1);
		to[size - 1] = '\0';
		return -E2BIG;
	}
	memcpy(to, from, len + 1);
	return len;
}

/* --- the module ----------------------------------------------------------- */

atomic_long_t shim_module_refs;

void __module_get(struct module *module)
{
	atomic_long_inc(&shim_module_refs);
}

bool try_module_get(struct module *module)
{
	__module_get(module);
	return true;
}

void module_put(struct module *module)
{
	if (atomic_long_dec_return(&shim_module_refs) < 0)
		shim_panic("the module is let go once too often");
}

#define PARAMS		16

static struct {
	const struct kernel_param_ops *ops;
	struct kernel_param param;
} params[PARAMS];
static unsigned int nr_params;

void shim_param_add(const char *name, const struct kernel_param_ops *ops, void *arg)
{
	if (nr_params == PARAMS)
		shim_panic("more than %u parameters", PARAMS);
	params[nr_params].ops = ops;
	params[nr_params].param.name = name;
	params[nr_params++].param.arg = arg;
}

static int param_index(const char *name)
{
	unsigned int i;

	for (i = 0; i < nr_params; i++)
		if (!strcmp(params[i].param.name, name))
			return i;
	shim_panic("no parameter %s", name);
}

/* Held while a parameter is set */
DEFINE_MUTEX(shim_param_mutex);

int shim_param_set(const char *name, const char *value)
{
	int i = param_index(name), ret;

	kernel_param_lock(NULL);
	ret = params[i].ops->set(value, &params[i].param);
	kernel_param_unlock(NULL);
	return ret;
}

long shim_param_get(const char *name)
{
	int i = param_index(name);
	char text[64];

	params[i].ops->get(text, &params[i].param);
	return text[0] == 'Y' ? 1 : strtol(text, NULL, 10);
}

int param_set_bool(const char *value, const struct kernel_param *param)
{
	bool yes = strchr("yY1", *value);

	if (!yes && !strchr("nN0", *value))
		return -EINVAL;
	WRITE_ONCE(*(bool *)param->arg, yes);
	return 0;
}

int param_get_bool(char *buffer, const struct kernel_param *param)
{
	return sprintf(buffer, "%c\n", *(bool *)param->arg ? 'Y' : 'N');
}

#define PARAM(name, type, fmt)						\
int param_set_##name(const char *value, const struct kernel_param *param) \
{									\
	unsigned long n;						\
	int ret = kstrtoul(value, 0, &n);				\
									\
	if (!ret)							\
		WRITE_ONCE(*(type *)param->arg, n);			\
	return ret;							\
}									\
int param_get_##name(char *buffer, const struct kernel_param *param)	\
{									\
	return sprintf(buffer, fmt "\n", *(type *)param->arg);		\
}

PARAM(int, int, "%d")
PARAM(uint, unsigned int, "%u")
PARAM(ulong, unsigned long, "%lu")

/* --- debugfs -------------------------------------------------------------- */

#define FILES		64

struct dentry {
	const char *name;
	void *data;
	const struct file_operations *fops;
};

static struct dentry files[FILES];
static unsigned int nr_files;

struct dentry *debugfs_create_file(const char *name, unsigned int mode,
				   struct dentry *parent, void *data,
				   const struct file_operations *fops)
{
	if (nr_files == FILES)
		shim_panic("more than %u files", FILES);
	if (fops && mode != 0444 && mode != 0200)
		shim_panic("%s is for all to read, or for root to write, not 0%o", name, mode);
	files[nr_files] = (struct dentry) { name, data, fops };
	return &files[nr_files++];
}

struct dentry *debugfs_create_dir(const char *name, struct dentry *parent)
{
	return debugfs_create_file(name, 0, parent, NULL, NULL);
}

static int ulong_get(void *data, u64 *value)
{
	*value = READ_ONCE(*(unsigned long *)data);
	return 0;
}

static const struct file_operations ulong_fops = {
	.get = ulong_get,
	.fmt = "%llu\n",
};

void debugfs_create_ulong(const char *name, unsigned int mode,
			  struct dentry *parent, unsigned long *value)
{
	debugfs_create_file(name, mode, parent, value, &ulong_fops);
}

/* With a folder goes all there is. */
void debugfs_remove(struct dentry *dentry)
{
	nr_files = 0;
}

unsigned int shim_debugfs_files(void)
{
	return nr_files;
}

static const struct dentry *find_file(const char *name)
{
	unsigned int i;

	for (i = 0; i < nr_files; i++)
		if (files[i].fops && !strcmp(files[i].name, name))
			return &files[i];
	return NULL;
}

ssize_t shim_debugfs_read(const char *name, char *text, size_t size)
{
	struct seq_file seq = { .text = text, .size = size };
	const struct dentry *file = find_file(name);
	u64 value;

	if (!file)
		return -1;
	seq.private = file->data;
	if (file->fops->show)
		return file->fops->show(&seq, NULL) ? -1 : (ssize_t)seq.used;
	if (!file->fops->get || file->fops->get(file->data, &value))
		return -1;
	return snprintf(text, size, "%llu\n", value);
}

int shim_debugfs_write(const char *name, u64 value)
{
	const struct dentry *file = find_file(name);

	return file && file->fops->set ? file->fops->set(file->data, value) : -1;
}

long shim_stat(const char *name)
{
	char text[64];

	if (shim_debugfs_read(name, text, sizeof(text)) < 0)
		return -1;
	return strtol(text, NULL, 10);
}

void seq_printf(struct seq_file *seq, const char *fmt, ...)
{
	size_t room = seq->size - seq->used;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(seq->text + seq->used, room, fmt, args);
	va_end(args);
	if (len < 0 || (size_t)len >= room)
		shim_panic("no room for the text of a file");
	seq->used += len;
}

/* --- tracepoints ---------------------------------------------------------- */

#define EVENTS		16
#define EVENT_ARGS	5

static struct event {
	const char *name;
	long count;
	u64 args[EVENT_ARGS];
} events[EVENTS];

static struct event *find_event(const char *name)
{
	unsigned int i;

	for (i = 0; i < EVENTS && events[i].name; i++)
		if (!strcmp(events[i].name, name))
			return &events[i];
	if (i == EVENTS)
		shim_panic("more than %u tracepoints", EVENTS);
	events[i].name = name;
	return &events[i];
}

void shim_trace(const char *name, const u64 *args, unsigned int nr)
{
#ifndef SHIM_THREADS
	struct event *event = find_event(name);

	event->count++;
	memcpy(event->args, args, nr * sizeof(*args));
#endif
}

u64 shim_traced_arg(const char *name, unsigned int nr)
{
	return find_event(name)->args[nr];
}

long shim_traced(const char *name)
{
	return find_event(name)->count;
}

/* --- work ----------------------------------------------------------------- */

struct workqueue_struct {
	struct list_head works;
	int max_active;
	int active;
};

#define QUEUES		4

static pthread_mutex_t work_mutex = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(delayed_works);
unsigned long shim_jiffies;
static struct workqueue_struct *queues[QUEUES];

static struct workqueue_struct highpri = {
	.works = LIST_HEAD_INIT(highpri.works),
	.max_active = WQ_MAX_ACTIVE,
};
struct workqueue_struct *system_highpri_wq = &highpri;

struct workqueue_struct *alloc_workqueue(const char *fmt, unsigned int flags,
					 int max_active, ...)
{
	struct workqueue_struct *wq = kzalloc(sizeof(*wq), GFP_KERNEL);
	unsigned int i = 0;

	if (!wq)
		return NULL;
	INIT_LIST_HEAD(&wq->works);
	wq->max_active = max_active;
	while (i < QUEUES && queues[i])
		i++;
	if (i == QUEUES)
		shim_panic("more than %u workqueues", QUEUES);
	queues[i] = wq;
	return wq;
}

void workqueue_set_max_active(struct workqueue_struct *wq, int max_active)
{
	wq->max_active = max_active;
}

int shim_max_active(const struct workqueue_struct *wq)
{
	return wq->max_active;
}

static bool add_work(struct workqueue_struct *wq, struct work_struct *work,
		     struct list_head *works)
{
	bool queued;

	shim_step();
	/* That would make it as long as the scheduler takes. */
	if (shim_cpu->locks)
		shim_panic("a work is queued with a lock held");
	quiet_lock(&work_mutex);
	queued = !work->pending;
	if (queued) {
		__atomic_store_n(&work->pending, true, __ATOMIC_RELAXED);
		work->wq = wq;
		list_add_tail(&work->node, works);
	}
	quiet_unlock(&work_mutex);
	return queued;
}

bool queue_work(struct workqueue_struct *wq, struct work_struct *work)
{
	return add_work(wq, work, &wq->works);
}

bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *work,
			unsigned long delay)
{
	quiet_lock(&work_mutex);
	if (!work->work.pending)
		work->work.at = READ_ONCE(shim_jiffies) + delay;
	quiet_unlock(&work_mutex);
	return add_work(wq, &work->work, &delayed_works);
}

void shim_expect_no_work(void)
{
	unsigned int i;

	for (i = 0; i < QUEUES; i++)
		if (queues[i] && !list_empty(&queues[i]->works))
			shim_panic("the module is gone, and has work that is queued");
	if (!list_empty(&delayed_works) || shim_irqs_waiting)
		shim_panic("the module is gone, and has work for later");
}

static void run_tasklet(struct work_struct *work)
{
	struct tasklet_struct *tasklet = container_of(work, struct tasklet_struct, work);

	shim_cpu->atomic = true;
	tasklet->callback(tasklet);
	shim_cpu->atomic = false;
}

void tasklet_setup(struct tasklet_struct *tasklet,
		   void (*callback)(struct tasklet_struct *tasklet))
{
	INIT_WORK(&tasklet->work, run_tasklet);
	tasklet->callback = callback;
}

void tasklet_hi_schedule(struct tasklet_struct *tasklet)
{
	queue_work(system_highpri_wq, &tasklet->work);
}

void tasklet_kill(struct tasklet_struct *tasklet)
{
	flush_work(&tasklet->work);
}

/* So much time passes. Return: is there anything that was delayed until now? */
bool shim_pass_jiffies(unsigned long nr)
{
	struct work_struct *work, *next;
	bool any = false;

	quiet_lock(&work_mutex);
	WRITE_ONCE(shim_jiffies, shim_jiffies + nr);
	list_for_each_entry_safe(work, next, &delayed_works, node) {
		if (time_before(shim_jiffies, work->at))
			continue;
		list_move_tail(&work->node, &work->wq->works);
		any = true;
	}
	quiet_unlock(&work_mutex);
	return any;
}

/* More than anything is delayed by. */
bool shim_pass_time(void)
{
	return shim_pass_jiffies(SHIM_PASSES);
}

static struct work_struct *take_work(struct workqueue_struct *wq)
{
	struct work_struct *work = NULL;

	quiet_lock(&work_mutex);
	if (wq && !list_empty(&wq->works) && wq->active < wq->max_active) {
		work = list_first_entry(&wq->works, struct work_struct, node);
		list_del_init(&work->node);
		__atomic_store_n(&work->pending, false, __ATOMIC_RELAXED);
		wq->active++;
	}
	quiet_unlock(&work_mutex);
	return work;
}

static bool run_work_of(struct workqueue_struct *wq)
{
	struct work_struct *work = take_work(wq);
	struct shim_cpu cpu;

	if (!work)
		return false;
	shim_cpu_enter(&cpu);
	/* It may free itself. */
	work->func(work);
	shim_cpu_leave(&cpu);
	quiet_lock(&work_mutex);
	wq->active--;
	quiet_unlock(&work_mutex);
	return true;
}

bool shim_run_work(void)
{
	unsigned int i;

	if (run_work_of(&highpri))
		return true;
	for (i = 0; i < QUEUES; i++)
		if (run_work_of(queues[i]))
			return true;
	return false;
}

void shim_run_all(void)
{
	while (shim_run_rcu() || shim_run_work() || shim_pass_time())
		;
}

void drain_workqueue(struct workqueue_struct *wq)
{
	might_sleep();
	for (;;) {
		bool done;

		quiet_lock(&work_mutex);
		done = list_empty(&wq->works) && !wq->active;
		quiet_unlock(&work_mutex);
		if (done)
			return;
		if (!run_work_of(wq)) {
#ifdef SHIM_THREADS
			sched_yield();
#else
			shim_panic("a workqueue is drained by its own work");
#endif
		}
	}
}

void destroy_workqueue(struct workqueue_struct *wq)
{
	unsigned int i;

	drain_workqueue(wq);
	for (i = 0; i < QUEUES; i++)
		if (queues[i] == wq)
			queues[i] = NULL;
	kfree(wq);
}

bool flush_work(struct work_struct *work)
{
	if (!work->wq)
		return false;
#ifdef SHIM_THREADS
	drain_workqueue(work->wq);
#else
	while (work->pending)
		if (!run_work_of(work->wq))
			shim_panic("a work is waited for that cannot run");
#endif
	return true;
}

bool cancel_work_sync(struct work_struct *work)
{
	return flush_work(work);
}

/* A work that waits is not to run; one that is queued may. */
bool cancel_delayed_work_sync(struct delayed_work *dwork)
{
	struct work_struct *work;

	quiet_lock(&work_mutex);
	list_for_each_entry(work, &delayed_works, node) {
		if (work != &dwork->work)
			continue;
		list_del_init(&work->node);
		__atomic_store_n(&work->pending, false, __ATOMIC_RELAXED);
		break;
	}
	quiet_unlock(&work_mutex);
	return cancel_work_sync(&dwork->work);
}

/* --- shrinkers ------------------------------------------------------------ */

#define SHRINKERS	4

static struct shrinker *shrinkers[SHRINKERS];

struct shrinker *shrinker_alloc(unsigned int flags, const char *fmt, ...)
{
	struct shrinker *shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);

	if (shrinker)
		shrinker->flags = flags;
	return shrinker;
}

void shrinker_register(struct shrinker *shrinker)
{
	unsigned int i = 0;

	while (i < SHRINKERS && shrinkers[i])
		i++;
	if (i == SHRINKERS)
		shim_panic("more than %u shrinkers", SHRINKERS);
	shrinkers[i] = shrinker;
}

void shrinker_free(struct shrinker *shrinker)
{
	unsigned int i;

	for (i = 0; i < SHRINKERS; i++)
		if (shrinkers[i] == shrinker)
			shrinkers[i] = NULL;
	kfree(shrinker);
}

unsigned long shim_reclaimed;

void mm_account_reclaimed_pages(unsigned long pages)
{
	__atomic_fetch_add(&shim_reclaimed, pages, __ATOMIC_RELAXED);
}

unsigned long shim_shrink_count(void)
{
	struct shrink_control sc = { .gfp_mask = GFP_KERNEL };
	unsigned long nr, sum = 0;
	unsigned int i;

	for (i = 0; i < SHRINKERS; i++) {
		nr = shrinkers[i] ? shrinkers[i]->count_objects(shrinkers[i], &sc) : 0;
		sum += nr == SHRINK_EMPTY ? 0 : nr;
	}
	return sum;
}

unsigned long shim_shrink(unsigned long nr)
{
	struct shrink_control sc = { .gfp_mask = GFP_KERNEL, .nr_to_scan = nr };
	unsigned long freed, sum = 0;
	unsigned int i;

	shim_cpu->reclaims = true;
	for (i = 0; i < SHRINKERS; i++) {
		freed = shrinkers[i] ? shrinkers[i]->scan_objects(shrinkers[i], &sc) :
				       SHRINK_STOP;
		sum += freed == SHRINK_STOP ? 0 : freed;
	}
	shim_cpu->reclaims = false;
	return sum;
}
