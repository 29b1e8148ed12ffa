/*
 * flush.c: the export that delivers one chunk. No Go code runs on the engine's thread: the
 * flush is put on a list, where Go finds it, and the thread sleeps until it has an answer.
 *
 * A thread of C that calls Go and waits there costs more than the work on a small chunk. Go
 * gives what it has to run to other threads and back, and wakes a thread for each of the two.
 * After the return it polls for 10 ms, as it takes the thread to be in a system call. Here
 * a flush is one thread that goes to sleep and is woken.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../shared/flb/engine.h"
#include "flush.h"

static struct sls_flush *waiting; /* the latest first */
static int bell = -1;             /* an eventfd, written to when the list is not empty any more */

int sls_flushes_open(void)
{
    bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return bell;
}

int FLBPluginFlushCtx(void *ctx, void *data, size_t length, char *tag)
{
    struct sls_flush f = {
        .ctx = ctx, .data = data, .length = length, .tag = tag, .thread = sls_thread(),
    };
    const uint64_t one = 1;
    struct sls_flush *first = __atomic_load_n(&waiting, __ATOMIC_RELAXED);

    do {
        f.next = first;
    } while (!__atomic_compare_exchange_n(&waiting, &first, &f, 1, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
    if (first == NULL) {
        while (write(bell, &one, sizeof(one)) == -1 && errno == EINTR) {
        }
    }
    while (__atomic_load_n(&f.done, __ATOMIC_ACQUIRE) == 0) {
        syscall(SYS_futex, &f.done, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    }
    return f.result;
}

struct sls_flush *sls_flushes_take(void)
{
    struct sls_flush *f = __atomic_exchange_n(&waiting, NULL, __ATOMIC_ACQUIRE);
    struct sls_flush *first = NULL;

    while (f != NULL) {
        struct sls_flush *earlier = f->next;

        f->next = first;
        first = f;
        f = earlier;
    }
    return first;
}

void sls_flush_end(struct sls_flush *f, int result)
{
    f->result = result;
    __atomic_store_n(&f->done, 1, __ATOMIC_RELEASE);
    /* The caller may be gone by now. Then nobody sleeps there, or somebody else who looks
     * again, as all do that sleep on a futex. */
    syscall(SYS_futex, &f->done, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
