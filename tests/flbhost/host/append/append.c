/*
 * append.c: what the engine's binary exports beside the plugin interface. It is a
 * library of its own, which the host loads or does without: dlsym then finds the
 * symbols in a plugin, or does not.
 */
#include <stddef.h>

/* Set by the host. */
int (*flbhost_append)(void *ins, const char *tag, size_t tag_len, const void *buf, size_t size);

const char *(*flbhost_name)(void *ins);

int flb_input_log_append(void *ins, const char *tag, size_t tag_len, const void *buf, size_t size);
const char *flb_input_name(void *ins);
const char *flb_output_name(void *ins);

int flb_input_log_append(void *ins, const char *tag, size_t tag_len, const void *buf, size_t size)
{
    return flbhost_append(ins, tag, tag_len, buf, size);
}

const char *flb_input_name(void *ins)
{
    return flbhost_name(ins);
}

const char *flb_output_name(void *ins)
{
    return flbhost_name(ins);
}
