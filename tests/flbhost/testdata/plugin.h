/*
 * What the test plugins share. They report with dprintf on standard error,
 * which keeps their order across threads and works when no API is at hand.
 * With OLD defined a plugin exports only the symbols of the oldest engines.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../host/abi.h"

#define trace(...) dprintf(2, __VA_ARGS__)

static const char *show(const char *s)
{
    return s == NULL ? "NULL" : s;
}

static int reg(struct flb_plugin_proxy_def *def, int type, const char *name)
{
    def->type = type;
    def->proxy = PROXY_GOLANG;
    def->flags = 0;
    def->name = strdup(name);
    def->description = strdup("a test plugin");
    return 0;
}

static void unreg(struct flb_plugin_proxy_def *def)
{
    trace("%s: unregister\n", def->name);
    free(def->name);
    free(def->description);
}
