/*
 * engine.c: the driver's requests, obeyed on the pipeline thread.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flbhost.h"

enum { MAX_PLUGINS = 64, MAX_INSTANCES = 4096, ERR_SIZE = 1024 };

atomic_bool ingestion_active = true;
atomic_int hot_reloading;

/* Touched by the pipeline thread only. */
static struct plugin *plugins[MAX_PLUGINS];
static uint32_t plugin_count;
static struct instance *instances[MAX_INSTANCES]; /* NULL: gone */
static uint32_t instance_count;

static bool is_input(const struct instance *ins)
{
    return plugin_type(ins->plugin) == PROXY_INPUT;
}

static void do_load(struct request *r)
{
    char err[ERR_SIZE];
    size_t size;
    const char *text = take_string(r, &size);
    char *path = strndup(text, size);
    struct plugin *p = NULL;
    struct payload answer = {0};

    snprintf(err, sizeof(err), "load %s: too many plugins", path);
    if (plugin_count < MAX_PLUGINS) {
        p = plugin_load(path, err, sizeof(err));
    }
    free(path);
    if (p == NULL) {
        host_log(LEVEL_ERROR, "[plugin] error loading proxy plugin: %s", err);
        frame_error(r->id, err);
        return;
    }
    p->id = plugin_count;
    plugins[plugin_count++] = p;
    put_u32(&answer, p->id);
    put_u32(&answer, (uint32_t) plugin_type(p));
    put_string(&answer, p->proxy.def->name);
    put_string(&answer, p->proxy.def->description);
    frame_done(r->id, &answer);
}

static void do_init(struct request *r)
{
    char err[ERR_SIZE] = "init: no such plugin";
    uint32_t plugin = take_u32(r);
    struct instance *ins = NULL;
    struct payload answer = {0};

    if (plugin < plugin_count && instance_count < MAX_INSTANCES) {
        ins = instance_new(plugins[plugin], r, err, sizeof(err));
    }
    if (ins == NULL) {
        host_log(LEVEL_ERROR, "[config] %s", err);
        frame_error(r->id, err);
        return;
    }
    ins->id = instance_count;
    if (!(is_input(ins) ? input_start(ins) : output_start(ins))) {
        snprintf(err, sizeof(err), "init %s: the plugin refused to start", ins->name);
        frame_error(r->id, err);
        instance_free(ins);
        return;
    }
    instances[instance_count++] = ins;
    put_u32(&answer, ins->id);
    put_string(&answer, ins->name);
    frame_done(r->id, &answer);
}

static struct instance *take_instance(struct request *r)
{
    uint32_t id = take_u32(r);

    return id < instance_count ? instances[id] : NULL;
}

static void do_flush(struct request *r)
{
    struct instance *ins = take_instance(r);
    size_t tag_size, chunk_size;
    const char *tag = take_string(r, &tag_size);
    const char *chunk = take_string(r, &chunk_size);
    struct guarded bytes;
    struct flush *f;

    if (ins == NULL || is_input(ins)) {
        frame_error(r->id, ins == NULL ? "flush: the instance is gone" : "flush: not an output");
        return;
    }
    if (r->kind == REQ_FLUSH_FILE) {
        char *path = must_alloc(chunk_size + 1);
        bool found;

        memcpy(path, chunk, chunk_size);
        found = guarded_file(&bytes, path);
        free(path);
        if (!found) {
            frame_error(r->id, "flush: no file of a chunk");
            return;
        }
    }
    else {
        bytes = guarded_new(chunk, chunk_size);
    }
    f = must_alloc(sizeof(*f));
    f->id = r->id;
    f->ins = ins;
    f->chunk = bytes;
    /* The byte after the tag in the request exists (see frame_read), and the
     * block is given its NUL here. */
    f->tag = guarded_new(NULL, tag_size + 1);
    memcpy(f->tag.data, tag, tag_size);
    output_flush(f);
}

static void pause_all(bool pause, bool wait)
{
    for (uint32_t i = 0; i < instance_count; i++) {
        if (instances[i] != NULL && is_input(instances[i])) {
            input_pause(instances[i], pause, wait);
        }
    }
}

static void do_pause(struct request *r, bool pause)
{
    uint32_t id = take_u32(r);
    bool wait = take_u32(r) != 0;

    if (id == ALL_INSTANCES) {
        pause_all(pause, wait);
    }
    else if (id >= instance_count || instances[id] == NULL || !is_input(instances[id])) {
        frame_error(r->id, "pause: the instance is gone or not an input");
        return;
    }
    else {
        input_pause(instances[id], pause, wait);
    }
    frame_done(r->id, NULL);
}

static void do_ring(struct request *r)
{
    struct instance *ins = take_instance(r);

    if (ins == NULL || !is_input(ins)) {
        frame_error(r->id, "ring: the instance is gone or not an input");
        return;
    }
    if (r->kind == REQ_RING) {
        atomic_store(&ins->ring_full, take_u32(r) != 0);
    }
    else {
        atomic_store(&ins->failing, take_u32(r));
    }
    frame_done(r->id, NULL);
}

/*
 * The engine's way to stop: pause every input, and once more; outputs one by
 * one (workers, pre-exit, exit) in the order of their init; inputs in the
 * reverse order, each on its own thread; then the plugins, inputs first.
 */
static void stop_instances(int by_reload)
{
    atomic_store(&ingestion_active, false);
    host_log(LEVEL_INFO, "[engine] pausing all inputs..");
    pause_all(true, false);
    pause_all(true, false);
    for (uint32_t i = 0; i < instance_count; i++) {
        if (instances[i] != NULL && !is_input(instances[i])) {
            output_stop(instances[i], by_reload);
            instance_free(instances[i]);
            instances[i] = NULL;
        }
    }
    for (uint32_t i = instance_count; i-- > 0;) {
        if (instances[i] != NULL) {
            input_stop(instances[i], by_reload);
        }
    }
    /* Freed last: pausing one input reaches into another, see input.c. */
    for (uint32_t i = 0; i < instance_count; i++) {
        if (instances[i] != NULL) {
            instance_free(instances[i]);
            instances[i] = NULL;
        }
    }
}

static void unload_all(struct plugin **list, uint32_t n)
{
    for (int type = PROXY_INPUT; type <= PROXY_OUTPUT; type++) {
        for (uint32_t i = 0; i < n; i++) {
            if (list[i] != NULL && plugin_type(list[i]) == type) {
                plugin_unload(list[i]);
                list[i] = NULL;
            }
        }
    }
}

static void on_fault(int sig)
{
    static const char segv[] = "[engine] caught signal (SIGSEGV)\n";
    static const char fpe[] = "[engine] caught signal (SIGFPE)\n";

    (void) !(sig == SIGSEGV ? write(STDERR_FILENO, segv, sizeof(segv) - 1)
                            : write(STDERR_FILENO, fpe, sizeof(fpe) - 1));
    abort();
}

/* The engine installs its handlers at start, before any plugin's runtime does,
 * and again on SIGHUP, over the ones the Go runtime has put there since: from
 * then on a nil dereference in Go ends the process whatever recover() says. */
void signals_init(void)
{
    signal(SIGSEGV, on_fault);
    signal(SIGFPE, on_fault);
}

/* The new configuration registers its plugins while the old one still runs. */
static void do_reload(struct request *r)
{
    char err[ERR_SIZE];
    struct plugin *fresh[MAX_PLUGINS] = {0};

    if (!options.hot_reload) {
        frame_error(r->id, "reload: hot reloading is not enabled");
        return;
    }
    signals_init();
    atomic_store(&hot_reloading, 1);
    for (uint32_t i = 0; i < plugin_count; i++) {
        fresh[i] = plugin_load(plugins[i]->path, err, sizeof(err));
        if (fresh[i] == NULL) {
            unload_all(fresh, plugin_count);
            atomic_store(&hot_reloading, 0);
            frame_error(r->id, err);
            return;
        }
        fresh[i]->id = i;
    }
    stop_instances(1);
    unload_all(plugins, plugin_count);
    memcpy(plugins, fresh, sizeof(plugins));
    atomic_store(&hot_reloading, 0);
    atomic_store(&ingestion_active, true);
    frame_done(r->id, NULL);
}

/* Returns false when the engine has been told to end. */
bool obey(struct request *r)
{
    switch (r->kind) {
    case REQ_LOAD:
        do_load(r);
        return true;
    case REQ_INIT:
        do_init(r);
        return true;
    case REQ_FLUSH:
    case REQ_FLUSH_FILE:
        do_flush(r);
        return true;
    case REQ_PAUSE:
    case REQ_RESUME:
        do_pause(r, r->kind == REQ_PAUSE);
        return true;
    case REQ_RING:
    case REQ_FAIL:
        do_ring(r);
        return true;
    case REQ_RELOAD:
        do_reload(r);
        return true;
    case REQ_EXIT:
        stop_instances(0);
        unload_all(plugins, plugin_count);
        frame_done(r->id, NULL);
        return false;
    }
    frame_error(r->id, "unknown request");
    return true;
}
