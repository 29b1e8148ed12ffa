/*
 * The part of the engine's plugin interface that fluent-bit-go has no wrapper
 * for. Layouts: src/proxy/go/go.h and include/fluent-bit/flb_api.h of
 * Fluent Bit v2.0 to v5.1.
 */
#ifndef SLS_FLB_ENGINE_H
#define SLS_FLB_ENGINE_H

#include <stddef.h>
#include <stdint.h>

enum sls_direction { SLS_OUTPUT = 0, SLS_INPUT = 1 };

/* The head of struct flbgo_output_plugin and struct flbgo_input_plugin. */
struct sls_plugin {
    char *name;
    struct sls_api *api;
    void *instance;
    void *context;
};

struct sls_api {
    const char *(*output_get_property)(const char *key, void *instance);
    const char *(*input_get_property)(const char *key, void *instance);
    void *(*output_get_cmt_instance)(void *instance);
    void *(*input_get_cmt_instance)(void *instance);
    void (*log_print)(int level, const char *file, int line, const char *fmt, ...);
    int (*input_log_check)(void *instance, int level);
    int (*output_log_check)(void *instance, int level);
};

enum { FLB_ERROR = 0, SLS_LOG_ERROR = 1 };

/* Says whether FLBPluginInit may start a section. 0, which is logged: this process is a
 * fork of the one that loaded the plugin, and no Go code may run in it. See daemon.c. */
int sls_may_start(void *plugin, int direction);

/* The calling thread, as no other thread has it. */
uintptr_t sls_thread(void);

void *sls_instance(void *plugin);
void *sls_api_of(void *plugin);

/* Stores handle where the engine passes it to the ...Ctx callbacks.
 * Returns 0, or -1 when this engine has no such place (inputs before v4.1). */
int sls_bind(void *plugin, int direction, uintptr_t handle);

/* The instance's name as the engine logs it (an alias included), or NULL when
 * the host does not export the look-up. Valid while the instance lives. */
const char *sls_instance_name(void *instance, int direction);

/* The value of a property, or NULL. */
const char *sls_property(void *api, void *instance, int direction, const char *key);

/* flb_input_log_append, by which all of the engine's own inputs hand events over, or NULL
 * where the host does not export it. Not part of the plugin interface. */
typedef int (*sls_append_fn)(void *instance, const char *tag, size_t tag_len, const void *events,
                             size_t size);
sls_append_fn sls_find_append(void);
/* With the tag NULL the events go under the instance's own. */
int sls_append(sls_append_fn append, void *instance, const char *tag, size_t tag_len,
               const void *events, size_t size);

int sls_log_check(void *api, void *instance, int direction, int level);
void sls_log_print(void *api, int level, const char *text);

#endif
