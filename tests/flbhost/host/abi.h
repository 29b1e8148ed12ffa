/*
 * The binary interface between Fluent Bit v5.1 and a Go plugin, as its proxy
 * lays it out: plugins know these structs by their offsets, so the order and
 * width of every field here is a fact of the engine, not a choice.
 */
#ifndef FLBHOST_ABI_H
#define FLBHOST_ABI_H

#include <stddef.h>

enum { FLB_ERROR = 0, FLB_OK = 1, FLB_RETRY = 2 };
enum { PROXY_INPUT = 1, PROXY_OUTPUT = 2, PROXY_GOLANG = 11 };
enum { LEVEL_OFF = 0, LEVEL_ERROR, LEVEL_WARN, LEVEL_INFO, LEVEL_DEBUG, LEVEL_TRACE };

/* How the engine keeps the properties of an instance: no part of the plugin
 * interface, but a plugin that can read memory finds them. */
struct mk_list {
    struct mk_list *prev, *next;
};
struct flb_kv {
    char *key;
    char *val; /* NULL for an empty value */
    struct mk_list _head;
};

struct flb_plugin_proxy_def {
    int type;
    int proxy;
    int flags;
    char *name;
    char *description;
    /* Not allocated by engines up to v4.2.2: see proxy_def_size in plugin.c. */
    int event_type;
    void *config_map;
};

/* Pointers in the engine's order; the custom_ ones came last. */
struct flb_api {
    const char *(*output_get_property)(const char *key, void *instance);
    const char *(*input_get_property)(const char *key, void *instance);
    void *(*output_get_cmt_instance)(void *instance);
    void *(*input_get_cmt_instance)(void *instance);
    void (*log_print)(int level, const char *file, int line, const char *fmt, ...);
    int (*input_log_check)(void *instance, int level);
    int (*output_log_check)(void *instance, int level);
    const char *(*custom_get_property)(const char *key, void *instance);
    int (*custom_log_check)(void *instance, int level);
};

struct flb_plugin_proxy {
    struct flb_plugin_proxy_def *def;
    struct flb_api *api;
    /* The instance initialised last: the engine keeps only one, which is why
     * pause and resume reach only that one's collector. */
    void *instance;
    void *dso_handler;
    void *data;
};

struct output_context {
    void *remote_context;
    struct flb_plugin_proxy *proxy;
};

struct input_context {
    int coll_fd;
    void *remote_context;
    struct flb_plugin_proxy *proxy;
};

/* Before v4.1.0: the word a newer plugin takes for its own context holds the
 * engine's pointer. */
struct input_context_legacy {
    int coll_fd;
    struct flb_plugin_proxy *proxy;
};

struct flbgo_output_plugin {
    char *name;
    void *api;
    void *o_ins;
    struct output_context *context;
    int (*cb_init)(struct flbgo_output_plugin *);
    int (*cb_flush)(const void *, size_t, const char *);
    int (*cb_flush_ctx)(void *, const void *, size_t, char *);
    int (*cb_exit)(void);
    int (*cb_exit_ctx)(void *);
};

struct flbgo_input_plugin {
    char *name;
    void *api;
    void *i_ins;
    void *context; /* input_context or input_context_legacy */
    int (*cb_init)(struct flbgo_input_plugin *);
    int (*cb_collect)(void **, size_t *);
    int (*cb_collect_ctx)(void *, void **, size_t *);
    int (*cb_cleanup)(void *);
    int (*cb_cleanup_ctx)(void *, void *);
    int (*cb_exit)(void);
};

#endif
