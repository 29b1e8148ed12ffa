/*
 * output.c: output instances. With workers each has that many threads, which
 * take flushes in turn (round robin, as the engine's: a flush may wait behind
 * a slow one although another worker is idle); without, flushes run on the
 * pipeline thread and hold up everything else. Every flush has a stack of its
 * own of coroutine size.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "flbhost.h"

struct worker {
    pthread_t thread;
    struct instance *ins;
    pthread_mutex_t lock; /* guards first, last, stop */
    pthread_cond_t cond;
    struct flush *first;
    struct flush *last;
    bool stop;
};

static void call_flush(void *arg)
{
    struct flush *f = arg;
    struct flbgo_output_plugin *go = f->ins->plugin->proxy.data;
    struct output_context *ctx = f->ins->context;

    if (go->cb_flush_ctx != NULL) {
        f->ret = go->cb_flush_ctx(ctx->remote_context, f->chunk.data, f->chunk.size, f->tag.data);
    }
    else {
        f->ret = go->cb_flush(f->chunk.data, f->chunk.size, f->tag.data);
    }
}

static void flush_run(struct flush *f)
{
    struct payload answer = {0};
    size_t used = on_coroutine(call_flush, f, options.stack_size);

    if (f->ret != FLB_OK && f->ret != FLB_RETRY && f->ret != FLB_ERROR) {
        host_log(LEVEL_ERROR, "[go proxy]: flush of '%s' returned %d, taken as an error",
                 f->ins->name, f->ret);
        f->ret = FLB_ERROR;
    }
    guarded_retire(&f->chunk);
    guarded_retire(&f->tag);
    put_u32(&answer, (uint32_t) f->ret);
    put_u32(&answer, (uint32_t) used);
    frame_done(f->id, &answer);
    free(f);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct flush *f;

    for (;;) {
        pthread_mutex_lock(&w->lock);
        while (w->first == NULL && !w->stop) {
            pthread_cond_wait(&w->cond, &w->lock);
        }
        f = w->first;
        if (f != NULL) {
            w->first = f->next;
        }
        pthread_mutex_unlock(&w->lock);
        if (f == NULL) {
            return NULL;
        }
        flush_run(f);
    }
}

void output_flush(struct flush *f)
{
    struct instance *ins = f->ins;
    struct worker *w;

    if (ins->workers <= 0) {
        flush_run(f);
        return;
    }
    w = &ins->pool[ins->next_worker];
    ins->next_worker = (ins->next_worker + 1) % ins->workers;
    pthread_mutex_lock(&w->lock);
    if (w->first == NULL) {
        w->first = f;
    }
    else {
        w->last->next = f;
    }
    w->last = f;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->lock);
}

static void workers_start(struct instance *ins)
{
    ins->pool = must_alloc(sizeof(*ins->pool) * (size_t) (ins->workers > 0 ? ins->workers : 1));
    for (int i = 0; i < ins->workers; i++) {
        struct worker *w = &ins->pool[i];
        w->ins = ins;
        pthread_mutex_init(&w->lock, NULL);
        pthread_cond_init(&w->cond, NULL);
        if (pthread_create(&w->thread, NULL, worker_main, w) != 0) {
            abort();
        }
        pthread_setname_np(w->thread, "flb-out");
        host_log(LEVEL_INFO, "[output:%s:%s] worker #%d started", ins->plugin->proxy.def->name,
                 ins->name, i);
    }
}

/* What was handed to a worker is still flushed: the engine joins the same way. */
static void workers_stop(struct instance *ins)
{
    for (int i = 0; i < ins->workers; i++) {
        struct worker *w = &ins->pool[i];
        pthread_mutex_lock(&w->lock);
        w->stop = true;
        pthread_cond_signal(&w->cond);
        pthread_mutex_unlock(&w->lock);
        pthread_join(w->thread, NULL);
        pthread_mutex_destroy(&w->lock);
        pthread_cond_destroy(&w->cond);
    }
    free(ins->pool);
}

/* Init and PreRun, on the pipeline thread; then the workers. */
bool output_start(struct instance *ins)
{
    struct plugin *p = ins->plugin;
    struct flbgo_output_plugin *go = p->proxy.data;
    int (*pre_run)(int) = plugin_symbol(p, "FLBPluginOutputPreRun");
    void *before = p->proxy.instance;

    p->proxy.instance = ins;
    go->api = p->proxy.api;
    go->o_ins = ins;
    go->context = ins->context;
    if (go->cb_init(go) <= 0) {
        host_log(LEVEL_ERROR, "[go proxy]: plugin '%s' failed to initialize", go->name);
        host_log(LEVEL_ERROR, "[output] could not initialize '%s' plugin", go->name);
        p->proxy.instance = before;
        return false;
    }
    workers_start(ins);
    if (pre_run != NULL) {
        pre_run(options.hot_reload);
    }
    return true;
}

void output_stop(struct instance *ins, int by_reload)
{
    struct plugin *p = ins->plugin;
    struct flbgo_output_plugin *go = p->proxy.data;
    void (*pre_exit)(int) = plugin_symbol(p, "FLBPluginOutputPreExit");

    workers_stop(ins);
    if (pre_exit != NULL) {
        pre_exit(by_reload);
    }
    if (go->cb_exit_ctx != NULL) {
        go->cb_exit_ctx(((struct output_context *) ins->context)->remote_context);
    }
    else if (go->cb_exit != NULL) {
        go->cb_exit();
    }
}
