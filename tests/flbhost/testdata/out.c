/* An output whose tag says what a flush does. */
#include <dlfcn.h>

#include "plugin.h"

struct context {
    const char *id;
    struct flb_api *api;
    void *ins;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int inside, met;
static const volatile char *kept, *kept_tag;
static __thread int init_thread;
static int pre_registered = -1, generation;

#ifndef OLD
int FLBPluginPreRegister(int hot)
{
    pre_registered = hot;
    return 0;
}
#endif

int FLBPluginRegister(struct flb_plugin_proxy_def *def)
{
    trace("out: register hot=%d generation=%d\n", pre_registered, generation);
    return reg(def, PROXY_OUTPUT, "ctest");
}

void FLBPluginUnregister(struct flb_plugin_proxy_def *def)
{
    unreg(def);
}

/* "show" lists the keys whose values Init reports, "levels" asks log_check. */
int FLBPluginInit(struct flbgo_output_plugin *p)
{
    struct flb_api *api = p->api;
    struct context *c = calloc(1, sizeof(*c));
    const char *keys = api->output_get_property("show", p->o_ins);
    char *copy = strdup(keys == NULL ? "" : keys), *save = NULL;
    const char *(*name_of)(void *);

    c->api = api;
    c->ins = p->o_ins;
    c->id = show(api->output_get_property("id", p->o_ins));
    *(void **) &name_of = dlsym(RTLD_DEFAULT, "flb_output_name");
    trace("out %s: called %s\n", c->id, name_of == NULL ? "nothing" : name_of(p->o_ins));
    init_thread = 1;
    generation++;
    trace("out %s: init name=%s context=%p cmt=%p null=%s\n", c->id, p->name,
          p->context->remote_context, api->output_get_cmt_instance(p->o_ins),
          show(api->output_get_property(NULL, p->o_ins)));
    for (char *k = strtok_r(copy, ",", &save); k != NULL; k = strtok_r(NULL, ",", &save)) {
        trace("out %s: %s=%s\n", c->id, k, show(api->output_get_property(k, p->o_ins)));
    }
    free(copy);
    if (api->output_get_property("levels", p->o_ins) != NULL) {
        for (int l = LEVEL_ERROR; l <= LEVEL_TRACE; l++) {
            if (api->output_log_check(p->o_ins, l)) {
                api->log_print(l, __FILE__, __LINE__, "[output:%s] %s=%d", p->name, "level", l);
            }
        }
    }
    if (api->output_get_property("refuse", p->o_ins) != NULL) {
        free(c);
        return FLB_ERROR;
    }
    p->context->remote_context = c;
    return FLB_OK;
}

#ifndef OLD
int FLBPluginOutputPreRun(int hot)
{
    trace("out: prerun hot=%d\n", hot);
    return 0;
}

void FLBPluginOutputPreExit(int by_reload)
{
    trace("out: preexit reload=%d\n", by_reload);
}
#endif

static unsigned sum(const unsigned char *p, size_t n)
{
    unsigned h = 2166136261u;

    while (n-- > 0) {
        h = (h ^ *p++) * 16777619u;
    }
    return h;
}

/* "n" or "n:ms": waits until n flushes are inside at once, or the time is up. */
static int barrier(const char *arg)
{
    struct timespec end;
    int n = 0, ms = 10000, ret = 0;

    sscanf(arg, "%d:%d", &n, &ms);
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += ms / 1000;
    end.tv_nsec += ms % 1000 * 1000000;
    end.tv_sec += end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    pthread_mutex_lock(&lock);
    if (++inside >= n) {
        met = n;
        pthread_cond_broadcast(&cond);
    }
    while (met < n && ret == 0) {
        ret = pthread_cond_timedwait(&cond, &lock, &end);
    }
    inside--;
    ret = met >= n ? FLB_OK : FLB_RETRY;
    if (inside == 0) {
        met = 0;
    }
    pthread_mutex_unlock(&lock);
    return ret;
}

static __attribute__((noinline)) int use_stack(size_t bytes)
{
    volatile char *p = __builtin_alloca(bytes);

    /* Downwards, as calls do: the guard page is met first. */
    for (size_t i = bytes; i-- > 0;) {
        p[i] = (char) i;
    }
    return p[bytes / 2] == (char) (bytes / 2) ? FLB_OK : FLB_ERROR;
}

static void handled(int sig)
{
    _exit(sig == SIGSEGV ? 42 : 43);
}

static int act(struct context *c, const void *data, size_t size, const char *tag)
{
    if (strncmp(tag, "echo", 4) == 0) {
        c->api->log_print(LEVEL_INFO, "", 0, "[output] %s: %s size=%zu sum=%08x", c->id, tag, size,
                          sum(data, size));
        return FLB_OK;
    }
    if (strncmp(tag, "return:", 7) == 0) {
        return atoi(tag + 7);
    }
    if (strncmp(tag, "barrier:", 8) == 0) {
        return barrier(tag + 8);
    }
    if (strncmp(tag, "stack:", 6) == 0) {
        return use_stack((size_t) atol(tag + 6));
    }
    if (strcmp(tag, "thread") == 0) {
        return init_thread ? FLB_OK : FLB_RETRY;
    }
    if (strcmp(tag, "hang") == 0) {
        trace("hanging\n");
        for (;;) {
            pause();
        }
    }
    if (strncmp(tag, "print:", 6) == 0) {
        trace("%s\n", tag + 6);
        return FLB_OK;
    }
    if (strcmp(tag, "handle SIGSEGV") == 0) {
        signal(SIGSEGV, handled); /* as a language runtime does */
        return FLB_OK;
    }
    if (strcmp(tag, "crash") == 0) {
        trace("about to crash\n");
        *(volatile int *) NULL = 1;
    }
    if (strcmp(tag, "keep") == 0) {
        kept = data;
        kept_tag = tag;
        return kept[0] == kept[0] ? FLB_OK : FLB_ERROR;
    }
    if (strcmp(tag, "use kept chunk") == 0) {
        return kept[0];
    }
    if (strcmp(tag, "use kept tag") == 0) {
        return kept_tag[0];
    }
    if (strcmp(tag, "overread chunk") == 0) {
        return ((const volatile char *) data)[size];
    }
    if (strcmp(tag, "overread tag") == 0) {
        return ((const volatile char *) tag)[strlen(tag) + 1];
    }
    return FLB_ERROR;
}

#ifdef OLD
int FLBPluginFlush(const void *data, size_t size, const char *tag)
{
    (void) act;
    trace("old flush %s %zu %08x\n", tag, size, sum(data, size));
    return FLB_OK;
}

int FLBPluginExit(void)
{
    trace("old exit\n");
    return FLB_OK;
}
#else
int FLBPluginFlush(const void *data, size_t size, const char *tag)
{
    (void) data, (void) size, (void) tag;
    return FLB_ERROR; /* FLBPluginFlushCtx goes first */
}

int FLBPluginFlushCtx(void *ctx, const void *data, size_t size, char *tag)
{
    return act(ctx, data, size, tag);
}

int FLBPluginExit(void)
{
    trace("out: exit without context\n");
    return FLB_OK;
}

int FLBPluginExitCtx(void *ctx)
{
    trace("out %s: exit own-thread=%d\n", ((struct context *) ctx)->id, init_thread);
    free(ctx);
    return FLB_OK;
}
#endif
