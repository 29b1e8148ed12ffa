#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

#include "engine.h"

/* struct flb_plugin_proxy_context: what an output instance points at. */
struct output_context {
    void *remote_context;
};

/* struct flb_plugin_input_proxy_context, v4.1 and later. Before, the word of
 * remote_context held the engine's own proxy pointer. */
struct input_context {
    int coll_fd;
    void *remote_context;
};

uintptr_t sls_thread(void)
{
    return (uintptr_t) pthread_self();
}

void *sls_instance(void *plugin)
{
    return ((struct sls_plugin *) plugin)->instance;
}

void *sls_api_of(void *plugin)
{
    return ((struct sls_plugin *) plugin)->api;
}

int sls_bind(void *plugin, int direction, uintptr_t handle)
{
    struct sls_plugin *p = plugin;

    if (p->context == NULL) {
        return -1;
    }
    if (direction == SLS_OUTPUT) {
        ((struct output_context *) p->context)->remote_context = (void *) handle;
        return 0;
    }
    /* Engines from v4.1 on allocate the context zeroed and set the proxy pointer
     * behind it; on older ones this word is the proxy pointer, and writing it
     * would crash the engine. */
    if (((struct input_context *) p->context)->remote_context != NULL) {
        return -1;
    }
    ((struct input_context *) p->context)->remote_context = (void *) handle;
    return 0;
}

const char *sls_instance_name(void *instance, int direction)
{
    const char *(*name)(void *);

    name = (const char *(*)(void *)) dlsym(RTLD_DEFAULT, direction == SLS_OUTPUT ?
                                           "flb_output_name" : "flb_input_name");
    return name != NULL ? name(instance) : NULL;
}

const char *sls_property(void *api, void *instance, int direction, const char *key)
{
    struct sls_api *a = api;

    return direction == SLS_OUTPUT ? a->output_get_property(key, instance)
                                   : a->input_get_property(key, instance);
}

sls_append_fn sls_find_append(void)
{
    return (sls_append_fn) dlsym(RTLD_DEFAULT, "flb_input_log_append");
}

int sls_append(sls_append_fn append, void *instance, const char *tag, size_t tag_len,
               const void *events, size_t size)
{
    return append(instance, tag, tag_len, events, size);
}

int sls_log_check(void *api, void *instance, int direction, int level)
{
    struct sls_api *a = api;

    return direction == SLS_OUTPUT ? a->output_log_check(instance, level)
                                   : a->input_log_check(instance, level);
}

void sls_log_print(void *api, int level, const char *text)
{
    ((struct sls_api *) api)->log_print(level, NULL, 0, "%s", text);
}
