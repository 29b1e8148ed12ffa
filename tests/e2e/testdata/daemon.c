/*
 * Loads a plugin and goes on as Fluent Bit's daemon mode does (flb_utils_set_daemon):
 * the parent ends well, the child starts a section. Arguments: the plugin, and a file
 * for what the child logs and gets from the plugin.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi.h"

static int out;

static const char *no_property(const char *key, void *instance)
{
    (void) key;
    (void) instance;
    return NULL;
}

static void *no_metrics(void *instance)
{
    (void) instance;
    return NULL;
}

static int every_level(void *instance, int level)
{
    (void) instance;
    return level > LEVEL_OFF;
}

static void print(int level, const char *file, int line, const char *fmt, ...)
{
    va_list args;

    (void) file;
    (void) line;
    dprintf(out, "level %d ", level);
    va_start(args, fmt);
    vdprintf(out, fmt, args);
    va_end(args);
    dprintf(out, "\n");
}

int main(int argc, char **argv)
{
    struct flb_api api = {no_property, no_property, no_metrics, no_metrics, print,
                          every_level, every_level, no_property, every_level};
    struct flb_plugin_proxy_def def = {0};
    struct input_context context = {0};
    struct flbgo_output_plugin section = {.api = &api, .o_ins = &api, .context = (void *) &context};
    int (*reg)(struct flb_plugin_proxy_def *);
    int (*init)(struct flbgo_output_plugin *);
    void *so = argc == 3 ? dlopen(argv[1], RTLD_LAZY) : NULL;

    if (so == NULL) {
        fprintf(stderr, "%s\n", argc == 3 ? dlerror() : "usage: daemon plugin file");
        return 2;
    }
    reg = (int (*)(struct flb_plugin_proxy_def *)) dlsym(so, "FLBPluginRegister");
    init = (int (*)(struct flbgo_output_plugin *)) dlsym(so, "FLBPluginInit");
    if (reg(&def) != 0) {
        return 2;
    }
    section.name = def.name;
    out = open(argv[2], O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fork() > 0) {
        exit(EXIT_SUCCESS);
    }
    dprintf(out, "init returned %d\n", init(&section));
    _exit(0);
}
