#include "../shared/flb/engine.h"
#include "_cgo_export.h"

/* The export that starts one [OUTPUT] section: C, as it may be called where no Go code
 * may run. */
int FLBPluginInit(void *plugin)
{
    return sls_may_start(plugin, SLS_OUTPUT) ? (int) startSection(plugin) : FLB_ERROR;
}
