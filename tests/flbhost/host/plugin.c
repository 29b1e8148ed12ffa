/*
 * plugin.c: one shared library, from dlopen to FLBPluginUnregister. A plugin
 * that lacks a symbol the engine would call through a null pointer is refused
 * with the symbol's name.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flbhost.h"

void *plugin_symbol(struct plugin *p, const char *name)
{
    void *s;

    dlerror();
    s = dlsym(p->proxy.dso_handler, name);
    return dlerror() == NULL ? s : NULL;
}

int plugin_type(const struct plugin *p)
{
    return p->proxy.def->type;
}

static const char *register_output(struct plugin *p)
{
    struct flbgo_output_plugin *go = must_alloc(sizeof(*go));

    p->proxy.data = go;
    go->cb_init = plugin_symbol(p, "FLBPluginInit");
    go->cb_flush = plugin_symbol(p, "FLBPluginFlush");
    go->cb_flush_ctx = plugin_symbol(p, "FLBPluginFlushCtx");
    go->cb_exit = plugin_symbol(p, "FLBPluginExit");
    go->cb_exit_ctx = plugin_symbol(p, "FLBPluginExitCtx");
    go->name = must_copy(p->proxy.def->name);
    if (go->cb_init == NULL) {
        return "no symbol FLBPluginInit";
    }
    if (go->cb_flush == NULL && go->cb_flush_ctx == NULL) {
        return "no symbol FLBPluginFlush or FLBPluginFlushCtx";
    }
    return NULL;
}

static const char *register_input(struct plugin *p)
{
    struct flbgo_input_plugin *go = must_alloc(sizeof(*go));

    p->proxy.data = go;
    go->cb_init = plugin_symbol(p, "FLBPluginInit");
    go->cb_collect = plugin_symbol(p, "FLBPluginInputCallback");
    go->cb_cleanup = plugin_symbol(p, "FLBPluginInputCleanupCallback");
    if (!options.legacy) {
        go->cb_collect_ctx = plugin_symbol(p, "FLBPluginInputCallbackCtx");
        go->cb_cleanup_ctx = plugin_symbol(p, "FLBPluginInputCleanupCallbackCtx");
    }
    go->cb_exit = plugin_symbol(p, "FLBPluginExit");
    go->name = must_copy(p->proxy.def->name);
    if (go->cb_init == NULL) {
        return "no symbol FLBPluginInit";
    }
    if (go->cb_collect == NULL && go->cb_collect_ctx == NULL) {
        return options.legacy ? "no symbol FLBPluginInputCallback"
                              : "no symbol FLBPluginInputCallback or FLBPluginInputCallbackCtx";
    }
    return NULL;
}

/* NULL when the plugin is registered, else what is wrong with it. */
static const char *plugin_register(struct plugin *p)
{
    struct flb_plugin_proxy_def *def = p->proxy.def;
    int (*pre_register)(int) = plugin_symbol(p, "FLBPluginPreRegister");
    int (*reg)(struct flb_plugin_proxy_def *);

    if (pre_register != NULL && pre_register(atomic_load(&hot_reloading)) == -1) {
        return "FLBPluginPreRegister returned -1";
    }
    reg = plugin_symbol(p, "FLBPluginRegister");
    if (reg == NULL) {
        return "no symbol FLBPluginRegister";
    }
    if (reg(def) == -1) {
        return "FLBPluginRegister returned -1";
    }
    if (def->proxy != PROXY_GOLANG) {
        return "registered with a proxy that is not Go's (11)";
    }
    if (def->name == NULL) {
        return "registered without a name";
    }
    if (def->type == PROXY_OUTPUT) {
        return register_output(p);
    }
    if (def->type == PROXY_INPUT) {
        return register_input(p);
    }
    return "registered as neither an input (1) nor an output (2)";
}

/*
 * Engines up to v4.2.2 allocate the definition up to event_type: a binding
 * that writes that field there writes out of bounds. In legacy mode the
 * definition therefore ends at an inaccessible page (and is never freed).
 */
static struct flb_plugin_proxy_def *def_new(void)
{
    if (options.legacy) {
        return guarded_new(NULL, offsetof(struct flb_plugin_proxy_def, event_type)).data;
    }
    return must_alloc(sizeof(struct flb_plugin_proxy_def));
}

static void plugin_free(struct plugin *p)
{
    if (p->proxy.data != NULL) {
        free(*(char **) p->proxy.data); /* name: first field of both kinds */
        free(p->proxy.data);
    }
    if (!options.legacy) {
        free(p->proxy.def);
    }
    free(p->proxy.api);
    if (p->proxy.dso_handler != NULL) {
        dlclose(p->proxy.dso_handler);
    }
    free(p->path);
    free(p);
}

struct plugin *plugin_load(const char *path, char *err, size_t err_size)
{
    const char *slash = strrchr(path, '/');
    struct plugin *p;
    const char *wrong;

    if (strncmp(slash == NULL ? path : slash + 1, "flb-", 4) == 0) {
        snprintf(err, err_size, "load %s: fluent bit takes a file named flb-* for a C plugin",
                 path);
        return NULL;
    }
    p = must_alloc(sizeof(*p));
    p->path = must_copy(path);
    p->proxy.dso_handler = dlopen(path, RTLD_LAZY);
    if (p->proxy.dso_handler == NULL) {
        snprintf(err, err_size, "load %s: %s", path, dlerror());
        plugin_free(p);
        return NULL;
    }
    p->proxy.api = api_new();
    p->proxy.def = def_new();
    wrong = plugin_register(p);
    if (wrong != NULL) {
        snprintf(err, err_size, "load %s: %s", path, wrong);
        plugin_free(p);
        return NULL;
    }
    return p;
}

void plugin_unload(struct plugin *p)
{
    void (*unregister)(struct flb_plugin_proxy_def *) = plugin_symbol(p, "FLBPluginUnregister");

    if (unregister != NULL) {
        unregister(p->proxy.def);
    }
    plugin_free(p);
}
