/*
 * memory.c: what the plugin is lent for the time of one call. Bytes end at an
 * inaccessible page (an over-read faults at once), and become inaccessible
 * when the call returns (a kept reference faults instead of reading what
 * happens to be there). Stacks are as small as the engine's coroutines'.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "flbhost.h"

/* Retired blocks whose addresses are not given out again yet. */
enum { QUARANTINE = 64, POISON = 0xDD };

static pthread_mutex_t quarantine_lock = PTHREAD_MUTEX_INITIALIZER;
static struct guarded quarantine[QUARANTINE];
static int quarantine_next;

static void must(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        abort();
    }
}

void *must_alloc(size_t size)
{
    void *p = calloc(1, size);

    must(p != NULL, "flbhost: calloc");
    return p;
}

char *must_copy(const char *s)
{
    char *p = strdup(s);

    must(p != NULL, "flbhost: strdup");
    return p;
}

static void *map_with_guard(size_t size, bool guard_last, size_t *map_size)
{
    size_t page = (size_t) sysconf(_SC_PAGESIZE);
    char *map;
    int ret;

    *map_size = (size + page - 1) / page * page + page;
    map = mmap(NULL, *map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(map != MAP_FAILED, "flbhost: mmap");
    ret = mprotect(guard_last ? map + *map_size - page : map, page, PROT_NONE);
    must(ret == 0, "flbhost: mprotect");
    return map;
}

struct guarded guarded_new(const void *data, size_t size)
{
    struct guarded g = {.size = size};
    size_t page = (size_t) sysconf(_SC_PAGESIZE);

    g.map = map_with_guard(size, true, &g.map_size);
    g.data = (char *) g.map + g.map_size - page - size;
    if (data != NULL) {
        memcpy(g.data, data, size);
    }
    return g;
}

/*
 * The content of a chunk's file, in a mapping of the file as the engine has it
 * (lib/chunkio/src/cio_file.c, include/chunkio/cio_file_st.h): 24 bytes of
 * header, of which the last two are the length of the metadata in big-endian,
 * the metadata, the content. False if there is no such file.
 */
bool guarded_file(struct guarded *g, const char *path)
{
    enum { HEADER_MIN = 24, META_LENGTH = 22 };
    unsigned char *map;
    off_t size;
    size_t at;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return false;
    }
    size = lseek(fd, 0, SEEK_END); /* fstat is newer than the oldest glibc this runs with */
    if (size < HEADER_MIN) {
        close(fd);
        return false;
    }
    map = mmap(NULL, (size_t) size, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    must(map != MAP_FAILED, "flbhost: mmap of a chunk");
    at = HEADER_MIN + ((size_t) map[META_LENGTH] << 8 | map[META_LENGTH + 1]);
    if (map[0] != 0xC1 || map[1] != 0x00 || at > (size_t) size) {
        munmap(map, (size_t) size);
        return false;
    }
    *g = (struct guarded) {
        .data = map + at, .size = (size_t) size - at,
        .map = map, .map_size = (size_t) size, .file = true,
    };
    return true;
}

void guarded_retire(struct guarded *g)
{
    struct guarded old;
    void *p;

    if (g->map == NULL) {
        return;
    }
    /* The poison is for another thread that reads in this very moment. */
    if (!g->file) {
        memset(g->data, POISON, g->size);
    }
    p = mmap(g->map, g->map_size, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    must(p == g->map, "flbhost: mmap retired block");
    pthread_mutex_lock(&quarantine_lock);
    old = quarantine[quarantine_next];
    quarantine[quarantine_next] = *g;
    quarantine_next = (quarantine_next + 1) % QUARANTINE;
    pthread_mutex_unlock(&quarantine_lock);
    if (old.map != NULL) {
        munmap(old.map, old.map_size);
    }
    memset(g, 0, sizeof(*g));
}

struct coroutine {
    ucontext_t caller;
    ucontext_t callee;
    void (*fn)(void *);
    void *arg;
};

/* makecontext passes ints only: the pointer travels in two halves. */
static void coroutine_entry(unsigned high, unsigned low)
{
    struct coroutine *c = (struct coroutine *) ((uintptr_t) high << 32 | low);

    c->fn(c->arg);
}

/* Bytes of the stack that were touched, in whole pages: it grows down, and a
 * page the kernel never had to provide was never reached. */
static size_t stack_used(char *stack, size_t size)
{
    size_t page = (size_t) sysconf(_SC_PAGESIZE);
    size_t pages = size / page, untouched = 0;
    unsigned char *resident = must_alloc(pages);

    if (mincore(stack, size, resident) == 0) {
        while (untouched < pages && (resident[untouched] & 1) == 0) {
            untouched++;
        }
    }
    free(resident);
    return size - untouched * page;
}

/*
 * Runs fn(arg) to its end on a fresh stack of stack_size bytes, on the calling
 * thread: a Go plugin never yields, so neither does this coroutine. Returns
 * how many bytes of the stack were used. Running over it faults.
 */
size_t on_coroutine(void (*fn)(void *), void *arg, size_t stack_size)
{
    struct coroutine c = {.fn = fn, .arg = arg};
    size_t page = (size_t) sysconf(_SC_PAGESIZE);
    size_t map_size, used;
    char *map = map_with_guard(stack_size, false, &map_size);
    uintptr_t self = (uintptr_t) &c;

    must(getcontext(&c.callee) == 0, "flbhost: getcontext");
    c.callee.uc_stack.ss_sp = map + page;
    c.callee.uc_stack.ss_size = map_size - page;
    c.callee.uc_link = &c.caller;
    makecontext(&c.callee, (void (*)(void)) coroutine_entry, 2,
                (unsigned) (self >> 32), (unsigned) (self & 0xffffffff));
    must(swapcontext(&c.caller, &c.callee) == 0, "flbhost: swapcontext");
    used = stack_used(map + page, map_size - page);
    munmap(map, map_size);
    return used;
}
