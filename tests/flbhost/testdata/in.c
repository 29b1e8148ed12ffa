/* An input that returns numbered buffers and watches its clean-ups. */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "plugin.h"

struct context {
    char id[32];
    int n;       /* buffers returned */
    int cleaned; /* clean-up calls */
    int quiet;   /* every other collect is empty */
    int bad;     /* collect returns -1 */
    char *last;  /* the buffer not cleaned up yet */
    void *ins;
    int (*append)(void *, const char *, size_t, const void *, size_t);
};

/* What an engine before v4.1.0 has at the place of the context is its own
 * pointer: such an engine gets one instance per process. */
static struct context *only;
static __thread struct context *mine;

int FLBPluginRegister(struct flb_plugin_proxy_def *def)
{
    return reg(def, PROXY_INPUT, "cin");
}

void FLBPluginUnregister(struct flb_plugin_proxy_def *def)
{
    unreg(def);
}

int FLBPluginInit(struct flbgo_input_plugin *p)
{
    struct flb_api *api = p->api;
    struct context *c = calloc(1, sizeof(*c));
    struct input_context *place = p->context;

    snprintf(c->id, sizeof(c->id), "%s", show(api->input_get_property("id", p->i_ins)));
    c->quiet = api->input_get_property("quiet", p->i_ins) != NULL;
    c->bad = api->input_get_property("bad", p->i_ins) != NULL;
    c->ins = p->i_ins;
    if (api->input_get_property("direct", p->i_ins) != NULL) {
        c->append = dlsym(RTLD_DEFAULT, "flb_input_log_append");
        trace("in %s: append %s\n", c->id, c->append == NULL ? "missing" : "found");
    }
    trace("in %s: init tag=%s coll_fd=%d place=%s debug=%d\n", c->id,
          show(api->input_get_property("tag", p->i_ins)), place->coll_fd,
          place->remote_context == NULL ? "free" : "taken",
          api->input_log_check(p->i_ins, LEVEL_DEBUG));
    if (api->input_get_property("refuse", p->i_ins) != NULL) {
        free(c);
        return FLB_ERROR;
    }
    mine = only = c;
    if (place->remote_context == NULL) {
        place->remote_context = c;
    }
    return FLB_OK;
}

static int collect(struct context *c, void **data, size_t *size)
{
    char *buf;

    if (c->last != NULL) {
        trace("in %s: collect before clean-up\n", c->id);
    }
    if (mine != c) {
        trace("in %s: collect on another thread\n", c->id);
    }
    c->n++;
    if (c->append != NULL) {
        char text[64], tag[64];
        int n = snprintf(text, sizeof(text), "%s:%d", c->id, c->n);
        int own = c->append(c->ins, NULL, 0, text, (size_t) n);
        int tag_size = snprintf(tag, sizeof(tag), "tag.%d and what is not of it", c->n) - 22;
        int named = c->append(c->ins, tag, (size_t) tag_size, text, (size_t) n);

        trace("in %s: appended %d: %d %d\n", c->id, c->n, own, named);
        return FLB_OK;
    }
    if (c->quiet && c->n % 2 == 0) {
        *size = 0;
        return FLB_OK;
    }
    *size = (size_t) asprintf(&buf, "%s:%d cleaned=%d", c->id, c->n, c->cleaned);
    *data = buf;
    c->last = buf;
    if (c->bad) {
        c->last = NULL;
        free(buf);
        return -1;
    }
    return FLB_OK;
}

static int cleanup(struct context *c, void *data)
{
    if (data != c->last) {
        trace("in %s: clean-up of another buffer\n", c->id);
    }
    free(data);
    c->last = NULL;
    c->cleaned++;
    return FLB_OK;
}

#ifdef OLD
int FLBPluginInputCallback(void **data, size_t *size)
{
    return collect(only, data, size);
}

int FLBPluginInputCleanupCallback(void *data)
{
    return cleanup(only, data);
}
#else
/* An older engine calls this one, and must clean up with free(). */
int FLBPluginInputCallback(void **data, size_t *size)
{
    char *buf;

    (void) only;
    *size = (size_t) asprintf(&buf, "without context");
    *data = buf;
    return FLB_OK;
}

int FLBPluginInputCallbackCtx(void *ctx, void **data, size_t *size)
{
    return collect(ctx, data, size);
}

int FLBPluginInputCleanupCallbackCtx(void *ctx, void *data)
{
    return cleanup(ctx, data);
}

int FLBPluginInputPreRun(int hot)
{
    trace("in: prerun hot=%d own-thread=%d\n", hot, mine != NULL);
    return 0;
}

void FLBPluginInputPreExit(int by_reload)
{
    trace("in %s: preexit reload=%d\n", mine == NULL ? "?" : mine->id, by_reload);
}

void FLBPluginInputPause(void)
{
    trace("in %s: pause\n", mine == NULL ? "?" : mine->id);
}

void FLBPluginInputResume(void)
{
    trace("in %s: resume\n", mine == NULL ? "?" : mine->id);
}
#endif

int FLBPluginExit(void)
{
    trace("in %s: exit\n", mine == NULL ? "?" : mine->id);
    free(mine);
    mine = NULL;
    return FLB_OK;
}
