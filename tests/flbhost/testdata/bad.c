/* Plugins that are wrong in one way each, chosen with -DWRONG=n. */
#include "plugin.h"

#if WRONG != 1
int FLBPluginRegister(struct flb_plugin_proxy_def *def)
{
    int type = WRONG == 4 ? 3 : WRONG == 5 || WRONG == 9 ? PROXY_INPUT : PROXY_OUTPUT;

    if (WRONG == 6) {
        return -1;
    }
    reg(def, type, "bad");
    if (WRONG == 8) {
        def->proxy = 12;
    }
    if (WRONG == 9) {
        ((volatile struct flb_plugin_proxy_def *) def)->event_type = 1;
    }
    return 0;
}
#endif

#if WRONG != 2
int FLBPluginInit(void *p)
{
    (void) p;
    return FLB_OK;
}
#endif

#if WRONG == 2
int FLBPluginFlush(const void *data, size_t size, const char *tag)
{
    (void) data, (void) size, (void) tag;
    return FLB_OK;
}
#endif

#if WRONG == 7
int FLBPluginPreRegister(int hot)
{
    (void) hot;
    return -1;
}
#endif

void FLBPluginUnregister(struct flb_plugin_proxy_def *def)
{
    unreg(def);
}
