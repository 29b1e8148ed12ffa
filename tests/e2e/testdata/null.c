/* The output that takes everything and does nothing, as Fluent Bit's null does. */
#include <stdlib.h>
#include <string.h>

#include "abi.h"

int FLBPluginRegister(struct flb_plugin_proxy_def *def)
{
    def->type = PROXY_OUTPUT;
    def->proxy = PROXY_GOLANG;
    def->flags = 0;
    def->name = strdup("null");
    def->description = strdup("takes everything");
    return 0;
}

void FLBPluginUnregister(struct flb_plugin_proxy_def *def)
{
    free(def->name);
    free(def->description);
}

int FLBPluginInit(struct flbgo_output_plugin *p)
{
    (void) p;
    return FLB_OK;
}

int FLBPluginFlush(const void *data, size_t size, const char *tag)
{
    (void) data;
    (void) size;
    (void) tag;
    return FLB_OK;
}
