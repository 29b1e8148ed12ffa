/*
 * input.c: input instances. Each has a thread on which everything about it
 * happens: init, pre-run, the timer's collect, pause, resume and exit.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "flbhost.h"

enum { CMD_PAUSE, CMD_RESUME, CMD_EXIT };

/* How often a full ring is tried again, in the time between two collects. */
enum { RING_TRIES = 10 };

/* Of a waiting pipeline thread: done is posted when the command has run. */
struct waiter {
    pthread_mutex_t lock; /* guards done */
    pthread_cond_t cond;
    bool done;
};

struct command {
    int kind;
    int by_reload;
    struct waiter *waiter; /* NULL: nobody waits */
};

/* Arms the timer for a first tick one interval from now, as the engine's. */
static void timer_set(struct instance *ins, bool on)
{
    struct itimerspec t = {0};

    if (on) {
        t.it_interval.tv_sec = options.interval_us / 1000000;
        t.it_interval.tv_nsec = options.interval_us % 1000000 * 1000;
        t.it_value = t.it_interval;
    }
    timerfd_settime(ins->timer, 0, &t, NULL);
    atomic_store(&ins->collecting, on);
}

static int call_collect(struct instance *ins, void **data, size_t *size)
{
    struct flbgo_input_plugin *go = ins->plugin->proxy.data;

    if (go->cb_collect_ctx != NULL) {
        return go->cb_collect_ctx(((struct input_context *) ins->context)->remote_context, data,
                                  size);
    }
    return go->cb_collect(data, size);
}

static int call_cleanup(struct instance *ins, void *data)
{
    struct flbgo_input_plugin *go = ins->plugin->proxy.data;

    if (go->cb_cleanup_ctx != NULL) {
        return go->cb_cleanup_ctx(((struct input_context *) ins->context)->remote_context, data);
    }
    if (go->cb_cleanup != NULL) {
        return go->cb_cleanup(data);
    }
    free(data);
    return 0;
}

static uint64_t monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
}

/* What happens to an append: the driver has it at once, as there is no ring, or the
 * ring that is said to be full is waited for and given up. */
static int append(struct instance *ins, uint64_t at, const char *tag, size_t tag_size,
                  const void *data, size_t size)
{
    unsigned int failing = atomic_load(&ins->failing);

    while (failing > 0 &&
           !atomic_compare_exchange_weak(&ins->failing, &failing, failing - 1)) {
    }
    if (failing > 0) {
        return -1;
    }
    for (int tries = 0; atomic_load(&ins->ring_full); tries++) {
        if (tries == RING_TRIES) {
            host_log(LEVEL_ERROR, "[input:%s] could not enqueue records into the ring buffer",
                     ins->name);
            return -1;
        }
        usleep((useconds_t) (options.interval_us / RING_TRIES));
    }
    frame_data(ins->id, at, tag, tag == NULL ? 0 : tag_size, data, size);
    return 0;
}

/* flb_input_log_append. In the engine another thread than the instance's own would
 * race with it, in silence. */
static int exported_append(void *instance, const char *tag, size_t tag_size, const void *data,
                           size_t size)
{
    struct instance *ins = instance;

    if (!pthread_equal(pthread_self(), ins->thread)) {
        host_log(LEVEL_ERROR, "[input:%s] append on another thread", ins->name);
        abort();
    }
    return size == 0 ? -1 : append(ins, monotonic(), tag, tag_size, data, size);
}

static const char *exported_name(void *ins)
{
    return ((struct instance *) ins)->name;
}

/* Lets plugins find flb_input_log_append and the names of instances: they are in a library
 * beside this program. /proc would name the loader of another glibc that runs the program. */
bool append_export(void)
{
    char path[4096];
    const char *end = strrchr(program_invocation_name, '/');
    int folder = end == NULL ? 0 : (int) (end + 1 - program_invocation_name);
    void *library;
    int (**function)(void *, const char *, size_t, const void *, size_t);
    const char *(**name)(void *);

    if (snprintf(path, sizeof(path), "%.*sappend.so", folder, program_invocation_name) >= (int) sizeof(path)) {
        return false;
    }
    library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    function = library == NULL ? NULL : dlsym(library, "flbhost_append");
    name = library == NULL ? NULL : dlsym(library, "flbhost_name");
    if (function == NULL || name == NULL) {
        fprintf(stderr, "flbhost: %s\n", dlerror());
        return false;
    }
    *function = exported_append;
    *name = exported_name;
    return true;
}

/* One buffer per tick. The length decides before the return code does, and a
 * buffer that came with -1 is neither used nor cleaned up. The driver is told
 * when the plugin was asked: it cannot have handed anything over before. */
static void collect(struct instance *ins)
{
    void *data = NULL;
    size_t size = 0;
    uint64_t at = monotonic();
    int ret;

    ret = call_collect(ins, &data, &size);
    if (size == 0) {
        return;
    }
    if (ret == -1) {
        host_log(LEVEL_ERROR, "[input:%s] collect returned -1", ins->name);
        return;
    }
    append(ins, at, NULL, 0, data, size); /* the engine throws the result away, too */
    if (call_cleanup(ins, data) == -1) {
        host_log(LEVEL_ERROR, "[input:%s] clean-up returned -1", ins->name);
    }
}

/* The callback has no context, and the collector that stops is the one of the
 * plugin's last initialised instance, whichever instance is paused. */
static void pause_or_resume(struct instance *ins, bool pause)
{
    struct plugin *p = ins->plugin;
    void (*cb)(void) = plugin_symbol(p, pause ? "FLBPluginInputPause" : "FLBPluginInputResume");
    struct instance *last = p->proxy.instance;

    if (cb != NULL) {
        cb();
    }
    if (pause) {
        timer_set(last, false);
    }
    else if (atomic_load(&last->collecting)) {
        host_log(LEVEL_ERROR, "[input] cannot resume collector %s, already running", last->name);
    }
    else if (atomic_load(&ingestion_active)) {
        timer_set(last, true);
    }
}

static void input_exit(struct instance *ins, int by_reload)
{
    struct flbgo_input_plugin *go = ins->plugin->proxy.data;
    void (*pre_exit)(int) = plugin_symbol(ins->plugin, "FLBPluginInputPreExit");

    if (pre_exit != NULL) {
        pre_exit(by_reload);
    }
    if (go->cb_exit != NULL) {
        go->cb_exit();
    }
}

/* Returns false when the thread must end. */
static bool command_run(struct instance *ins)
{
    struct command c;

    if (read(ins->commands[0], &c, sizeof(c)) != sizeof(c)) {
        return false;
    }
    if (c.kind == CMD_EXIT) {
        input_exit(ins, c.by_reload);
        return false;
    }
    pause_or_resume(ins, c.kind == CMD_PAUSE);
    if (c.waiter != NULL) {
        pthread_mutex_lock(&c.waiter->lock);
        c.waiter->done = true;
        pthread_cond_signal(&c.waiter->cond);
        pthread_mutex_unlock(&c.waiter->lock);
    }
    return true;
}

static bool input_init(struct instance *ins)
{
    struct plugin *p = ins->plugin;
    struct flbgo_input_plugin *go = p->proxy.data;
    void *before = p->proxy.instance;

    p->proxy.instance = ins;
    go->api = p->proxy.api;
    go->i_ins = ins;
    go->context = ins->context;
    if (go->cb_init(go) > 0) {
        return true;
    }
    host_log(LEVEL_ERROR, "[go proxy]: plugin '%s' failed to initialize", go->name);
    host_log(LEVEL_ERROR, "[input] failed initialize input %s", ins->name);
    p->proxy.instance = before;
    return false;
}

static void ready(struct instance *ins, int state)
{
    pthread_mutex_lock(&ins->ready_lock);
    ins->ready = state;
    pthread_cond_signal(&ins->ready_cond);
    pthread_mutex_unlock(&ins->ready_lock);
}

static void *input_main(void *arg)
{
    struct instance *ins = arg;
    int (*pre_run)(int) = plugin_symbol(ins->plugin, "FLBPluginInputPreRun");
    struct epoll_event events[2];
    uint64_t ticks;

    pthread_setname_np(pthread_self(), "flb-in");
    if (!input_init(ins)) {
        ready(ins, -1);
        return NULL;
    }
    timer_set(ins, true);
    if (pre_run != NULL) {
        pre_run(options.hot_reload);
    }
    ready(ins, 1);
    for (;;) {
        int n = epoll_wait(ins->loop, events, 2, -1);
        if (n < 0 && errno != EINTR) {
            abort();
        }
        for (int i = 0; i < n; i++) { /* in the order in which they came up, as in the engine */
            if (events[i].data.fd == ins->commands[0]) {
                if (!command_run(ins)) {
                    return NULL;
                }
            }
            /* Ticks missed during a slow collect count as one. */
            else if (read(ins->timer, &ticks, sizeof(ticks)) == sizeof(ticks) &&
                     atomic_load(&ins->collecting)) {
                collect(ins);
            }
        }
    }
}

static void input_close(struct instance *ins)
{
    pthread_join(ins->thread, NULL);
    close(ins->commands[0]);
    close(ins->commands[1]);
    close(ins->timer);
    close(ins->loop);
    pthread_mutex_destroy(&ins->ready_lock);
    pthread_cond_destroy(&ins->ready_cond);
}

static bool watch(struct instance *ins, int fd)
{
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

    return epoll_ctl(ins->loop, EPOLL_CTL_ADD, fd, &e) == 0;
}

/* Starts the thread and waits for its init and pre-run. */
bool input_start(struct instance *ins)
{
    int state;

    pthread_mutex_init(&ins->ready_lock, NULL);
    pthread_cond_init(&ins->ready_cond, NULL);
    ins->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    ins->loop = epoll_create1(EPOLL_CLOEXEC);
    if (ins->timer < 0 || ins->loop < 0 || pipe(ins->commands) != 0 ||
        !watch(ins, ins->commands[0]) || !watch(ins, ins->timer) ||
        pthread_create(&ins->thread, NULL, input_main, ins) != 0) {
        perror("flbhost: input thread");
        abort();
    }
    pthread_mutex_lock(&ins->ready_lock);
    while (ins->ready == 0) {
        pthread_cond_wait(&ins->ready_cond, &ins->ready_lock);
    }
    state = ins->ready;
    pthread_mutex_unlock(&ins->ready_lock);
    if (state < 0) {
        input_close(ins);
        return false;
    }
    host_log(LEVEL_INFO, "[input:%s:%s] thread instance initialized",
             ins->plugin->proxy.def->name, ins->name);
    return true;
}

static void command_send(struct instance *ins, struct command c)
{
    if (write(ins->commands[1], &c, sizeof(c)) != sizeof(c)) {
        perror("flbhost: input command");
        abort();
    }
}

/* The engine only posts the message; a driver that paused wants to know that
 * the callback has run, so it may wait. */
void input_pause(struct instance *ins, bool pause, bool wait)
{
    struct waiter w = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    struct command c = {.kind = pause ? CMD_PAUSE : CMD_RESUME, .waiter = wait ? &w : NULL};

    command_send(ins, c);
    if (!wait) {
        return;
    }
    pthread_mutex_lock(&w.lock);
    while (!w.done) {
        pthread_cond_wait(&w.cond, &w.lock);
    }
    pthread_mutex_unlock(&w.lock);
}

void input_stop(struct instance *ins, int by_reload)
{
    struct command c = {.kind = CMD_EXIT, .by_reload = by_reload};

    command_send(ins, c);
    input_close(ins);
}
